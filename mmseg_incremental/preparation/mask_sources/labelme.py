"""Shapes that labelme writes beside every picture."""

import base64
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ...errors import InputError, told_as
from ...tasks.task import VOID
from .base import MaskSource, empty_mask, number_classes, stem_of

#: Labels that labelme itself gives a meaning.
_OWN = {'_background_': 0, '__ignore__': VOID}


class LabelmeMasks(MaskSource):
    """A JSON file of shapes for every picture as masks of classes.

    The classes are the labels that occur, by the alphabet; a later shape lies on top of earlier
    ones. Polygons, rectangles, circles and masks are drawn; points and lines have no area and are
    refused.

    Args:
        path: The folder.
        files: The JSON files in it.

    Raises:
        InputError: If one of them is something else.
    """

    kind = 'shapes of labelme'

    def __init__(self, path: str, files: list[Path]) -> None:
        self._files = files
        labels = set()
        for file in files:
            with told_as(f'{file} cannot be read as {self.kind}'):
                labels |= {str(shape['label']) for shape in _read(file)['shapes']}
        super().__init__(path, number_classes(sorted(labels - set(_OWN))))

    @staticmethod
    def fits(content: object) -> bool:
        """Whether a JSON file holds such shapes."""
        return isinstance(content, dict) and {'shapes', 'imageHeight', 'imageWidth'} <= set(content)

    def __len__(self) -> int:
        return len(self._files)

    def masks(self) -> Iterator[tuple[str, np.ndarray]]:
        """Path of every picture without its suffix, and its shapes as a mask."""
        values = {**_OWN, **self.classes}
        for file in self._files:
            with told_as(f'{file} cannot be drawn'):
                content = _read(file)
                mask = empty_mask(content['imageHeight'], content['imageWidth'], str(file))
                for shape in content['shapes']:
                    area = _area(shape, mask.shape)
                    mask[area] = values[str(shape['label'])]
            yield stem_of(file.relative_to(self.path).as_posix(), str(file)), mask


def _read(file: Path) -> Mapping:
    return json.loads(file.read_text(encoding='utf-8'))


def _area(shape: Mapping, size: tuple[int, int]) -> np.ndarray:
    """Pixels of a shape; ``bool`` of shape ``size``."""
    kind = shape.get('shape_type') or 'polygon'
    points = [tuple(map(float, point)) for point in shape['points']]
    if kind == 'mask':
        return _pasted(shape['mask'], points[0], size)
    canvas = Image.new('1', size[::-1])
    draw = ImageDraw.Draw(canvas)
    if kind == 'polygon' and len(points) > 2:
        draw.polygon(points, outline=1, fill=1)
    elif kind == 'rectangle':
        (x0, y0), (x1, y1) = points
        draw.rectangle([min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)], outline=1, fill=1)
    elif kind == 'circle':
        (x, y), (x1, y1) = points
        radius = ((x - x1) ** 2 + (y - y1) ** 2) ** 0.5
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], outline=1, fill=1)
    else:
        raise InputError(f'a {kind} of {len(points)} points has no area')
    return np.asarray(canvas)


def _pasted(text: str, corner: tuple[float, float], size: tuple[int, int]) -> np.ndarray:
    """A part of a mask, stored as a PNG, at its place."""
    part = np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))) > 0
    x, y = map(round, corner)
    area = np.zeros(size, bool)
    place = area[max(y, 0) : y + part.shape[0], max(x, 0) : x + part.shape[1]]
    place[:] = part[max(-y, 0) :, max(-x, 0) :][: place.shape[0], : place.shape[1]]
    return area
