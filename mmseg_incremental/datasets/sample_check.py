"""What a picture and its mask hold, or what is wrong with them."""

import os
from typing import NamedTuple

from PIL import Image

_ORIENTATION = 274  # EXIF tag
_END_OF_JPEG = b'\xff\xd9'


class Sample(NamedTuple):
    """A picture and its mask.

    Args:
        image: Path of the picture.
        mask: Path of the mask, an 8-bit one-channel (grey or palette) PNG of the same size.
    """

    image: str
    mask: str


class Found(NamedTuple):
    """What is in a sample.

    Args:
        labels: Labels of the mask, ascending, background and void included.
        size: Height and width of the mask.
        problem: What is wrong; empty if nothing is, otherwise the rest is empty.
    """

    labels: list[int]
    size: list[int]
    problem: str


def inspect_sample(sample: Sample) -> Found:
    """Read a mask and check it and its picture.

    Args:
        sample: The picture and the mask.

    Returns:
        What was found; nothing is raised for broken files.
    """
    what, path = 'picture', sample.image
    try:
        size = _picture_size(path)
        what, path = 'mask', sample.mask
        with Image.open(path) as mask:
            problem = _mask_problem(mask, size)
            # Pillow counts without a copy, several times as fast as NumPy finds unique values
            counts = [] if problem else mask.histogram()
    except (OSError, SyntaxError, ValueError) as error:
        problem = f'{what} cannot be read ({error})'
        for name, file in (('mask', sample.mask), ('picture', sample.image)):
            if not os.path.isfile(file):
                path, problem = file, f'{name} not found'
    if problem:
        return Found([], [], f'{path}: {problem}')
    return Found([label for label, count in enumerate(counts) if count], [*size[::-1]], '')


def _picture_size(path: str) -> tuple[int, int]:
    """Width and height of a picture as mmcv loads it.

    Raises:
        OSError, SyntaxError, ValueError: If it cannot be read.
    """
    with Image.open(path) as image:
        if image.format != 'JPEG' or not _ends_like_jpeg(image):
            image.load()
        turned = 'exif' in image.info and image.getexif().get(_ORIENTATION, 1) >= 5
        return image.size[::-1] if turned else image.size


def _ends_like_jpeg(image: Image.Image) -> bool:
    """Whether the file is whole; to decode it for that takes ten times as long."""
    place = image.fp.tell()
    image.fp.seek(-len(_END_OF_JPEG), os.SEEK_END)
    whole = image.fp.read() == _END_OF_JPEG
    image.fp.seek(place)
    return whole


def _mask_problem(mask: Image.Image, size: tuple[int, int]) -> str:
    if mask.mode not in ('L', 'P'):
        return f'mask is of mode {mask.mode}; it must be an 8-bit one-channel (grey or palette) PNG'
    if mask.size != size:
        return f'mask is {mask.size[0]}x{mask.size[1]}, its picture is {size[0]}x{size[1]}'
    return ''
