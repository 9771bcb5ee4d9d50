"""What every kind of annotations offers."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

import numpy as np
from PIL import Image

from ...errors import InputError
from ...tasks.task import VOID


class MaskSource(ABC):
    """Annotations that are no masks of label values yet.

    0 stands for what is not annotated, 1 for the first class, and 255 is void.

    Args:
        path: Where they are.
        classes: Class name to label value.
    """

    #: What the kind is called.
    kind: str
    #: Whether it consists of files that could be taken for pictures.
    looks_like_pictures = False

    def __init__(self, path: str, classes: Mapping[str, int]) -> None:
        self.path = path
        self.classes = dict(classes)
        if not all(0 < value < VOID for value in self.classes.values()):
            raise InputError(f'{path}: {len(self.classes)} classes, but a mask holds 254 at most')

    @abstractmethod
    def __len__(self) -> int:
        """Number of masks."""

    @abstractmethod
    def masks(self) -> Iterator[tuple[str, np.ndarray]]:
        """Path of every picture without its suffix, and its mask.

        Yields:
            The path, relative, and ``uint8`` of shape (H, W).

        Raises:
            InputError: If an annotation cannot be used.
        """


def number_classes(names: list[str]) -> dict[str, int]:
    """Values from 1 on, in the order of the names."""
    return {name: value for value, name in enumerate(names, 1)}


def stem_of(name: object, where: str) -> str:
    """Path of a picture without its suffix.

    Raises:
        InputError: If it leads out of the folder.
    """
    path = PurePosixPath(str(name).replace('\\', '/'))
    if path.is_absolute() or '..' in path.parts or not path.name or '\0' in str(name):
        raise InputError(f'{where}: {name!r} is no path of a picture within the folder')
    return path.with_suffix('').as_posix()


def empty_mask(height: object, width: object, where: str) -> np.ndarray:
    """A mask of a size without anything in it.

    Raises:
        InputError: If the size is none, or larger than any picture that is loaded.
    """
    sizes = (height, width)
    if not all(isinstance(s, int) and not isinstance(s, bool) and s > 0 for s in sizes):
        raise InputError(f'{where}: its size, height {height!r} and width {width!r}, is none')
    if height * width > Image.MAX_IMAGE_PIXELS:
        raise InputError(f'{where}: {height} x {width} pixels are too many')
    return np.zeros(sizes, np.uint8)
