"""Folders of a data set in the layout of Pascal VOC, made as a whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VOC_FOLDERS = ('JPEGImages', 'SegmentationClass', 'ImageSets')


@contextmanager
def staged_dataset(out_dir: str | os.PathLike, *, force: bool = False) -> Iterator[Path]:
    """Fill a data set folder somewhere else and move it into place once it is complete.

    A run that fails leaves ``out_dir`` as it was. The folders of the VOC layout exist already when
    the body starts.

    Args:
        out_dir: Where the finished data set goes.
        force: Replace a data set that is there. Folders with anything else in them are never
            replaced.

    Yields:
        The folder to write into.

    Raises:
        FileExistsError: If ``out_dir`` has content that must not be replaced.
        NotADirectoryError: If ``out_dir`` is a file.
    """
    out = Path(out_dir).resolve()
    _check_replaceable(out, force)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f'.{out.name}.', dir=out.parent) as holder:
        # The holder is private to the user, its children get the usual permissions.
        stage = Path(holder, 'new')
        for folder in (*VOC_FOLDERS[:2], 'ImageSets/Segmentation'):
            (stage / folder).mkdir(parents=True)
        yield stage
        _check_replaceable(out, force)
        _swap(stage, out, Path(holder, 'old'))


def _check_replaceable(out: Path, force: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise NotADirectoryError(f'{out} is a file, not a folder')
    content = sorted(entry.name for entry in out.iterdir())
    if content and not force:
        raise FileExistsError(f'{out} is not empty (--force replaces a data set that is there)')
    foreign = [name for name in content if name not in VOC_FOLDERS]
    if foreign:
        raise FileExistsError(
            f'{out} also holds {foreign[0]!r}, which is no part of a data set; '
            'choose another folder, --force does not delete it'
        )


def _swap(new: Path, out: Path, old: Path) -> None:
    if not out.exists():
        new.rename(out)
        return
    out.rename(old)
    try:
        new.rename(out)
    except BaseException:
        old.rename(out)
        raise
