"""Masks of label values from masks of colours."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import InputError
from ..utils.palette import color_palette
from ..utils.progress import tracked


def read_colors(entries: Sequence[str]) -> dict[tuple[int, int, int], int]:
    """Colour to label value.

    Args:
        entries: Texts ``VALUE=R,G,B``.

    Raises:
        InputError: If one is wrong, or a colour has two values.
    """
    colors: dict[tuple[int, int, int], int] = {}
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


def label_values(picture: np.ndarray, colors: Mapping[tuple[int, int, int], int]) -> np.ndarray:
    """Label values of a picture of colours.

    Args:
        picture: ``uint8`` of shape (H, W, 3).
        colors: Colour to label value.

    Returns:
        ``uint8`` of shape (H, W).

    Raises:
        InputError: If a colour has no value.

    Example:
        >>> label_values(np.array([[[0, 0, 0], [9, 0, 0]]], np.uint8), {(0, 0, 0): 0, (9, 0, 0): 7})
        array([[0, 7]], dtype=uint8)
    """
    codes = picture.astype(np.int64) @ np.array([65536, 256, 1])
    found, inverse = np.unique(codes, return_inverse=True)
    seen = [(int(c) >> 16, int(c) >> 8 & 255, int(c) & 255) for c in found]
    if unknown := [color for color in seen if color not in colors]:
        raise InputError(f'colour {",".join(map(str, unknown[0]))} has no value')
    return np.array([colors[color] for color in seen], np.uint8)[inverse].reshape(codes.shape)


def convert_colors(source: Path, target: Path, colors: Mapping[tuple[int, int, int], int]) -> int:
    """Convert all masks of a folder and of the folders in it.

    Args:
        source: Folder of PNG masks in colours.
        target: Folder for the masks of values.
        colors: Colour to label value.

    Returns:
        How many were converted.

    Raises:
        InputError: If there are none, or one holds a colour without a value.
        OSError: If a file cannot be read or written.
    """
    palette = np.ravel(color_palette(256)).tolist()
    files = sorted(source.rglob('*.png'))
    if not files:
        raise InputError(f'{source}: no PNG files')
    for path in tracked(files, 'converting'):
        try:
            values = label_values(np.asarray(Image.open(path).convert('RGB')), colors)
        except InputError as error:
            raise InputError(f'{path}: {error}; name it in --label-colors') from error
        out = target / path.relative_to(source)
        out.parent.mkdir(parents=True, exist_ok=True)
        mask = Image.fromarray(values)
        mask.putpalette(palette)
        mask.save(out)
    return len(files)
