"""What a picture and its mask hold, or what is wrong with them."""

import os
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

_ORIENTATION = 274  # EXIF tag
_END_OF_JPEG = b'\xff\xd9'
_SMALL = 64  # pixels of a side, below which an eighth shows too little


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
    for name, file in (('picture', sample.image), ('mask', sample.mask)):
        if not os.path.isfile(file):  # to open a pipe would wait for its other end
            special = os.path.exists(file) and not os.path.isdir(file)
            problem = f'{name} is no regular file' if special else f'{name} not found'
            return Found([], [], f'{file}: {problem}')
    what, path = 'picture', sample.image
    try:
        size, turned = _picture_size(path)
        what, path = 'mask', sample.mask
        with Image.open(path) as mask:
            problem = _mask_problem(mask, size, turned)
            # Pillow counts without a copy, several times as fast as NumPy finds unique values
            counts = [] if problem else mask.histogram()
    except Exception as error:  # what damaged bytes do to Pillow's many readers is open
        problem = f'{what} cannot be read ({_reason(error)})'
    if problem:
        return Found([], [], f'{path}: {problem}')
    return Found([label for label, count in enumerate(counts) if count], [*size[::-1]], '')


def _reason(error: Exception) -> str:
    return str(error).strip().split('\n')[0] or type(error).__name__


def _picture_size(path: str) -> tuple[tuple[int, int], int]:
    """Width and height of a picture as mmcv loads it, and the EXIF orientation that it applies.

    Raises:
        Exception: If it cannot be read.
    """
    with Image.open(path) as image:
        has_exif = 'exif' in image.info
        orientation = image.getexif().get(_ORIENTATION, 1) if has_exif else 1
        if orientation not in range(1, 9):
            orientation = 1  # OpenCV takes no notice of it
        size = image.size[::-1] if orientation >= 5 else image.size
        kind = image.format
        if kind != 'JPEG' or not _ends_like_jpeg(image):
            image.load()
    is_jpeg = kind == 'JPEG'
    data = np.fromfile(path, np.uint8)
    # an eighth of the size shows as well that a JPEG can be decoded, three times as fast
    flag = cv2.IMREAD_REDUCED_COLOR_8 if is_jpeg and max(size) > _SMALL else cv2.IMREAD_COLOR
    decoded = _decoded(data, flag, kind)
    if has_exif and not _is_as_told(orientation, size, _is_turned(decoded, data, flag)):
        raise ValueError(
            'readers disagree on its EXIF orientation; save the picture upright, without the tag'
        )
    return size if is_jpeg else decoded.shape[1::-1], orientation


def _decoded(data: np.ndarray, flag: int, kind: str | None) -> np.ndarray:
    """A picture by the reader of the training, which knows fewer formats than Pillow."""
    decoded = cv2.imdecode(data, flag)
    if decoded is None:
        raise ValueError(f'OpenCV does not read this {kind}; save it as PNG or JPEG')
    return decoded


def _is_turned(decoded: np.ndarray, data: np.ndarray, flag: int) -> bool:
    """Whether OpenCV has applied an orientation; its own reader of EXIF takes damaged ones."""
    upright = cv2.imdecode(data, flag | cv2.IMREAD_IGNORE_ORIENTATION)
    return not np.array_equal(decoded, upright)


def _is_as_told(orientation: int, size: tuple[int, int], turned: bool) -> bool:
    """Whether OpenCV turns a picture as Pillow understands its tag, as far as sizes depend on it.

    Any other orientation than 1 that leaves the size as it is is refused beside the mask.
    """
    if orientation == 1:
        return not turned
    return turned or orientation < 5 or size[0] == size[1]


def _ends_like_jpeg(image: Image.Image) -> bool:
    """Whether the file is whole; to decode it for that takes ten times as long."""
    place = image.fp.tell()
    image.fp.seek(-len(_END_OF_JPEG), os.SEEK_END)
    whole = image.fp.read() == _END_OF_JPEG
    image.fp.seek(place)
    return whole


def _mask_problem(mask: Image.Image, size: tuple[int, int], orientation: int) -> str:
    if mask.format != 'PNG':
        return f'mask is a {mask.format}; it must be an 8-bit one-channel (grey or palette) PNG'
    if mask.mode not in ('L', 'P'):
        return f'mask is of mode {mask.mode}; it must be an 8-bit one-channel (grey or palette) PNG'
    if mask.size != size:
        return f'mask is {mask.size[0]}x{mask.size[1]}, its picture is {size[0]}x{size[1]}'
    if orientation > 1 and (orientation < 5 or size[0] == size[1]):
        # of the others the size shows that the mask was drawn on the turned picture
        return (
            f'the EXIF orientation {orientation} of its picture turns the picture and not the '
            'mask; save the picture upright, without the tag'
        )
    return ''
