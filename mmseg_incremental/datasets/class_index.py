"""Which classes a picture's mask holds, found once and remembered."""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from rich.progress import track

from ..errors import InputError
from ..tasks.task import VOID
from ..utils.files import write_atomically

CACHE_NAME = '.mmseg_incremental_classes.json'
_VERSION = 1
_SHOWN = 50
_ORIENTATION = 274  # EXIF tag


class DataError(InputError):
    """The data cannot be trained on; the message lists every problem."""

    def __init__(self, where: str, problems: Sequence[str]) -> None:
        shown = [f'  - {problem}' for problem in problems[:_SHOWN]]
        if len(problems) > _SHOWN:
            shown.append(f'  ... and {len(problems) - _SHOWN} more')
        count = f'{len(problems)} problem{"s" if len(problems) > 1 else ""}'
        super().__init__('\n'.join([f'{where}: {count}', *shown]))
        self.problems = list(problems)


class Sample(NamedTuple):
    """A picture and its mask.

    Args:
        image: Path of the picture.
        mask: Path of the mask, an 8-bit one-channel (grey or palette) PNG of the same size.
    """

    image: str
    mask: str


def read_class_sets(
    samples: Sequence[Sample], num_classes: int, data_root: str, fallback_dir: str | None = None
) -> list[frozenset[int]]:
    """Labels in each picture's mask; pictures and masks are checked on the way.

    Every file is opened once. What was found is kept in ``data_root`` (or in ``fallback_dir``
    where that cannot be written), each entry under the size and the times of last change of the
    picture and of the mask, so that a changed file is read again and lists share their entries.

    Args:
        samples: Pictures and masks.
        num_classes: Number of classes of the data set; labels above it, void aside, are refused.
        data_root: Folder that holds the data.
        fallback_dir: Folder for the cache of data that are read-only.

    Returns:
        For each picture the set of its labels, background and void left out.

    Raises:
        DataError: If files are missing, unreadable, of the wrong kind or size, or hold labels
            outside the classes. All problems are listed.
    """
    folders = [data_root, *([fallback_dir] if fallback_dir else [])]
    cache = _read_cache(folders)
    keys = [os.path.relpath(sample.mask, data_root) for sample in samples]
    states = [_state(sample) for sample in samples]
    stale = [
        i
        for i, key in enumerate(keys)
        if states[i] is None or cache.get(key, {}).get('state') != states[i]
    ]
    problems: dict[int, str] = {}
    if stale:
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            found = pool.map(_inspect, [samples[i] for i in stale])
            for i, (labels, problem) in zip(
                stale, track(found, 'Reading masks', len(stale), transient=True), strict=True
            ):
                if problem:
                    problems[i] = problem
                else:
                    cache[keys[i]] = {'state': states[i], 'labels': labels}
        _write_cache(folders, cache)
    for i, key in enumerate(keys):
        if i not in problems:
            outside = [v for v in cache[key]['labels'] if num_classes < v < VOID]
            if outside:
                problems[i] = (
                    f'{samples[i].mask}: label {outside[0]} is outside the classes '
                    f'(0 to {num_classes}, void 255)'
                )
    if problems:
        raise DataError(data_root, [problems[i] for i in sorted(problems)])
    return [frozenset(v for v in cache[key]['labels'] if 0 < v < VOID) for key in keys]


def _state(sample: Sample) -> list[int] | None:
    """What changes when a file changes; the change time cannot be set back as mtime can."""
    try:
        stats = [os.stat(path) for path in sample]
    except OSError:
        return None
    return [v for s in stats for v in (s.st_size, s.st_mtime_ns, s.st_ctime_ns)]


def _inspect(sample: Sample) -> tuple[list[int], str]:
    """Labels of a mask, or what is wrong with it or with its picture."""
    for path, what in ((sample.image, 'picture'), (sample.mask, 'mask')):
        if not os.path.isfile(path):
            return [], f'{path}: {what} not found'
    try:
        with Image.open(sample.image) as image:
            size = image.size
            if image.getexif().get(_ORIENTATION, 1) >= 5:
                size = size[::-1]  # mmcv turns such pictures when it loads them
            # a small draft still reads the whole stream, so a truncated picture shows
            image.draft('RGB', tuple(max(side // 8, 1) for side in image.size))
            image.load()
    except (OSError, SyntaxError, ValueError) as error:
        return [], f'{sample.image}: picture cannot be read ({error})'
    try:
        with Image.open(sample.mask) as mask:
            if mask.mode not in ('L', 'P'):
                return [], (
                    f'{sample.mask}: mask is of mode {mask.mode}; '
                    'it must be an 8-bit one-channel (grey or palette) PNG'
                )
            if mask.size != size:
                return [], (
                    f'{sample.mask}: mask is {mask.size[0]}x{mask.size[1]}, '
                    f'its picture is {size[0]}x{size[1]}'
                )
            histogram = np.bincount(np.asarray(mask).ravel(), minlength=256)
    except (OSError, SyntaxError, ValueError) as error:
        return [], f'{sample.mask}: mask cannot be read ({error})'
    return np.flatnonzero(histogram).tolist(), ''


def _read_cache(folders: Sequence[str]) -> dict:
    entries: dict = {}
    for folder in folders:
        try:
            content = json.loads((Path(folder) / CACHE_NAME).read_text())
            if content['version'] == _VERSION:
                found = content['entries'].items()
                entries.update((k, e) for k, e in found if {'state', 'labels'} <= set(e))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # absent, or damaged: the masks are read again
    return entries


def _write_cache(folders: Sequence[str], entries: dict) -> None:
    """Write to the first folder that can be written; without one every run reads the masks."""
    text = json.dumps({'version': _VERSION, 'entries': entries})
    for folder in folders:
        try:
            write_atomically(Path(folder) / CACHE_NAME, text)
        except OSError:
            continue
        return
