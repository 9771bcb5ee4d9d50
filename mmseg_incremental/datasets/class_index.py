"""Which classes a picture's mask holds, found once and remembered."""

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from rich.progress import track

from ..errors import InputError
from ..tasks.task import VOID
from ..utils.files import write_atomically
from .sample_check import Found, Sample, inspect_sample

CACHE_NAME = '.mmseg_incremental_classes.json'
_VERSION = 2
_FIELDS = {'state', 'labels', 'size'}
_SHOWN = 50
_FEW = 500  # samples; to start processes for fewer takes longer than it saves
_CHUNK = 64


class DataError(InputError):
    """The data cannot be trained on; the message lists every problem."""

    def __init__(self, where: str, problems: Sequence[str]) -> None:
        shown = [f'  - {problem}' for problem in problems[:_SHOWN]]
        if len(problems) > _SHOWN:
            shown.append(f'  ... and {len(problems) - _SHOWN} more')
        count = f'{len(problems)} problem{"s" if len(problems) > 1 else ""}'
        super().__init__('\n'.join([f'{where}: {count}', *shown]))
        self.problems = list(problems)


class IndexEntry(NamedTuple):
    """What the index knows of a picture.

    Args:
        classes: Labels in its mask, background and void left out.
        size: Height and width.
    """

    classes: frozenset[int]
    size: tuple[int, int]


def read_class_index(
    samples: Sequence[Sample], num_classes: int, data_root: str, fallback_dir: str | None = None
) -> list[IndexEntry]:
    """Classes and size of each picture; pictures and masks are checked on the way.

    Every file is opened once. What was found is kept in ``data_root`` (or in ``fallback_dir``
    where that cannot be written), each entry under the size and the times of last change of the
    picture and of the mask, so that a changed file is read again and lists share their entries.

    A JPEG is taken to be whole if its header can be read and its last two bytes are the
    end-of-image marker; pictures without it, and those of other formats, are decoded.

    Args:
        samples: Pictures and masks.
        num_classes: Number of classes of the data set; labels above it, void aside, are refused.
        data_root: Folder that holds the data.
        fallback_dir: Folder for the cache of data that are read-only.

    Returns:
        An entry for each picture.

    Raises:
        DataError: If files are missing, unreadable, of the wrong kind or size, or hold labels
            outside the classes. All problems are listed.
    """
    folders = [data_root, *([fallback_dir] if fallback_dir else [])]
    cache = _read_cache(folders)
    keys = [_key(sample.mask, data_root) for sample in samples]
    states = [_state(sample) for sample in samples]
    stale = [
        i
        for i, key in enumerate(keys)
        if states[i] is None or cache.get(key, {}).get('state') != states[i]
    ]
    problems: dict[int, str] = {}
    if stale:
        for i, found in zip(stale, _inspect([samples[i] for i in stale]), strict=True):
            if found.problem:
                problems[i] = found.problem
            else:
                cache[keys[i]] = dict(state=states[i], labels=found.labels, size=found.size)
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
    found = (cache[key] for key in keys)
    return [
        IndexEntry(frozenset(v for v in entry['labels'] if 0 < v < VOID), tuple(entry['size']))
        for entry in found
    ]


def _inspect(samples: Sequence[Sample]) -> list[Found]:
    """Inspect samples in order, many of them in one process per core.

    Threads would wait for each other: Pillow gives up the interpreter's lock many times per
    picture. The processes are forked, as those of PyTorch's loader are, because importing PyTorch
    anew takes longer than the work; they touch neither PyTorch nor CUDA.
    """
    shown = dict(description='Reading masks', total=len(samples), transient=True)
    daemon = multiprocessing.current_process().daemon  # must not have children
    if len(samples) < _FEW or daemon or sys.platform != 'linux':
        return list(track(map(inspect_sample, samples), **shown))
    with ProcessPoolExecutor(
        len(os.sched_getaffinity(0)),
        multiprocessing.get_context('fork'),
        # an interrupt is for this process, which then ends the others
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    ) as pool:
        # forks here, before the progress bar starts its thread
        found = pool.map(inspect_sample, samples, chunksize=_CHUNK)
        return list(track(found, **shown))


def _key(mask: str, root: str) -> str:
    """Path of a mask relative to the root."""
    if root and mask.startswith(f'{root}/'):
        return os.path.normpath(mask[len(root) + 1 :])  # as relpath, which asks the system
    return os.path.relpath(mask, root)


def _state(sample: Sample) -> list[int] | None:
    """What changes when a file changes; the change time cannot be set back as mtime can."""
    try:
        stats = [os.stat(path) for path in sample]
    except OSError:
        return None
    return [v for s in stats for v in (s.st_size, s.st_mtime_ns, s.st_ctime_ns)]


def _read_cache(folders: Sequence[str]) -> dict:
    entries: dict = {}
    for folder in folders:
        try:
            content = json.loads((Path(folder) / CACHE_NAME).read_text())
            if content['version'] == _VERSION:
                found = content['entries'].items()
                entries.update((k, e) for k, e in found if set(e) >= _FIELDS)
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
