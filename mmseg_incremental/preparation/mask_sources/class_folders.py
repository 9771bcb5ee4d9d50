"""One binary mask per class, in a folder that is called as the class."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ...errors import InputError, told_as
from ...tasks.task import VOID
from .base import MaskSource, number_classes


class ClassFolders(MaskSource):
    """Folders of binary masks as masks of classes.

    The classes are the folders, by the alphabet. A picture may lack a mask of a class, which is
    then not on it; a pixel of two classes is void.

    Args:
        path: The folder of the folders.
        folders: The folders.
    """

    kind = 'a folder of binary masks for each class'
    looks_like_pictures = True

    def __init__(self, path: str, folders: list[Path]) -> None:
        super().__init__(path, number_classes([folder.name for folder in folders]))
        self._files: dict[str, dict[int, Path]] = {}
        for folder in folders:
            for file in sorted(folder.rglob('*.png')):
                stem = file.relative_to(folder).with_suffix('').as_posix()
                self._files.setdefault(stem, {})[self.classes[folder.name]] = file

    def __len__(self) -> int:
        return len(self._files)

    def masks(self) -> Iterator[tuple[str, np.ndarray]]:
        """Path of every picture without its suffix, and its masks as one."""
        for stem, files in sorted(self._files.items()):
            parts = {value: _binary(file) for value, file in files.items()}
            if len({part.shape for part in parts.values()}) > 1:
                raise InputError(f'{self.path}: masks of {stem} have different sizes')
            total = sum(part.astype(np.uint8) for part in parts.values())
            mask = sum(value * part for value, part in parts.items()).clip(max=VOID)
            yield stem, np.where(total > 1, VOID, mask).astype(np.uint8)


def is_binary(file: Path) -> bool:
    """Whether a mask has one channel and one value beside 0."""
    with Image.open(file) as mask:
        if mask.mode not in ('1', 'L', 'P'):
            return False
        return len(set(np.unique(np.asarray(mask)).tolist()) - {0}) <= 1


def _binary(file: Path) -> np.ndarray:
    with told_as(f'{file} cannot be read'):
        if not is_binary(file):
            raise InputError(f'{file}: a mask of one class has one value beside 0')
        with Image.open(file) as mask:
            return np.asarray(mask) > 0
