"""Masks whose colours stand for classes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ...errors import InputError, told_as
from .base import MaskSource

Color = tuple[int, int, int]


def read_colors(entries: Sequence[str]) -> dict[Color, int]:
    """Colour to label value.

    Args:
        entries: Texts ``VALUE=R,G,B``.

    Raises:
        InputError: If one is wrong, or a colour has two values.
    """
    colors: dict[Color, int] = {}
    for entry in entries:
        value, _, text = entry.partition('=')
        parts = [value, *text.split(',')]
        if len(parts) != 4 or not all(p.isdigit() and int(p) < 256 for p in parts):
            raise InputError(f'--label-colors takes VALUE=R,G,B, such as 1=128,0,0, not {entry!r}')
        color = tuple(map(int, parts[1:]))
        if color in colors:
            raise InputError(f'--label-colors: colour {text} has two values')
        colors[color] = int(value)
    return colors


def colors_of(picture: np.ndarray) -> tuple[list[Color], np.ndarray]:
    """Colours in a picture, and the place in them of every pixel.

    Args:
        picture: ``uint8`` of shape (H, W, 3).

    Returns:
        The colours, ascending, and places of shape (H, W).
    """
    codes = picture.astype(np.int64) @ np.array([65536, 256, 1])
    found, places = np.unique(codes, return_inverse=True)
    colors = [(int(code) >> 16, int(code) >> 8 & 255, int(code) & 255) for code in found]
    return colors, places.reshape(codes.shape)


class ColorMasks(MaskSource):
    """PNG masks of colours.

    Args:
        path: The folder.
        files: The masks in it.
        colors: Colour to label value; None stands for the colours that occur, ascending, from
            value 0 on.

    Raises:
        InputError: If a mask cannot be read, or more than 254 colours occur.
    """

    kind = 'masks of colours'
    looks_like_pictures = True

    def __init__(
        self, path: str, files: list[Path], colors: Mapping[Color, int] | None = None
    ) -> None:
        self._files = files
        if colors is None:
            occurring = sorted({color for file in files for color in colors_of(_read(file))[0]})
            colors = {color: value for value, color in enumerate(occurring)}
        self.colors = dict(colors)
        values = sorted({v for v in self.colors.values() if 0 < v < 255})
        super().__init__(path, {f'class_{value}': value for value in values})
        if len(self.colors) > 255:
            raise InputError(f'{path}: {len(self.colors)} colours are too many for classes')

    @staticmethod
    def fits(file: Path) -> bool:
        """Whether a picture has colours in place of values."""
        with told_as(f'{file} cannot be read'), Image.open(file) as picture:
            return picture.mode in ('RGB', 'RGBA')

    def __len__(self) -> int:
        return len(self._files)

    def masks(self) -> Iterator[tuple[str, np.ndarray]]:
        """Path of every mask without its suffix, and its values."""
        for file in self._files:
            colors, places = colors_of(_read(file))
            if unknown := [color for color in colors if color not in self.colors]:
                text = ','.join(map(str, unknown[0]))
                raise InputError(f'{file}: colour {text} has no value; name it in --label-colors')
            values = np.array([self.colors[color] for color in colors], np.uint8)
            yield file.relative_to(self.path).with_suffix('').as_posix(), values[places]


def _read(file: Path) -> np.ndarray:
    with told_as(f'{file} cannot be read'), Image.open(file) as picture:
        return np.asarray(picture.convert('RGB'))
