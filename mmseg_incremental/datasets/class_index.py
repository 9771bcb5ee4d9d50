"""Which classes a picture's mask holds, found once and remembered."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from ..errors import InputError
from ..tasks.task import VOID
from ..utils.files import relative_to_common_folder
from ..utils.progress import tracked
from .index_cache import read_index, write_index
from .sample_check import Found, Sample, inspect_sample

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


def read_class_index(samples: Sequence[Sample], meaning: Mapping[int, int]) -> list[IndexEntry]:
    """Classes and size of each picture; pictures and masks are checked on the way.

    Every file is opened once. What was found is kept in the user's cache folder, in one file per
    common folder of the masks, each entry under the size and the times of last change of the
    picture and of the mask, so that a changed file is read again and lists share their entries.

    A JPEG is taken to be whole if its header can be read and its last two bytes are the
    end-of-image marker; pictures without it, and those of other formats, are decoded.

    Args:
        samples: Pictures and masks.
        meaning: What each label value of the masks stands for; see
            :func:`~mmseg_incremental.datasets.label_table.label_meaning`.

    Returns:
        An entry for each picture.

    Raises:
        DataError: If files are missing, unreadable, of the wrong kind or size, or hold values
            without a meaning. All problems are listed.
    """
    if not samples:
        return []
    folder, keys = relative_to_common_folder([s.mask for s in samples], os.path.realpath)
    known = read_index(folder)
    states = [_state(sample) for sample in samples]
    stale = [
        i
        for i, key in enumerate(keys)
        if states[i] is None or known.get(key, {}).get('state') != states[i]
    ]
    problems: dict[int, str] = {}
    if stale:
        for i, found in zip(stale, _inspect([samples[i] for i in stale]), strict=True):
            if found.problem:
                problems[i] = found.problem
            else:
                known[keys[i]] = dict(state=states[i], labels=found.labels, size=found.size)
        write_index(folder, known)
    without: dict[int, list[int]] = {}
    for i, key in enumerate(keys):
        outside = [] if i in problems else [v for v in known[key]['labels'] if v not in meaning]
        if outside:
            without.setdefault(outside[0], []).append(i)
    for value, (first, *others) in without.items():
        more = f' and {len(others)} more masks' if others else ''
        problems[first] = f'{samples[first].mask}{more}: label {value} {_outside(meaning)}'
    if problems:
        raise DataError(f'pictures of {folder}', [problems[i] for i in sorted(problems)])
    return [_entry(known[key], meaning) for key in keys]


def _outside(meaning: Mapping[int, int]) -> str:
    inside = _ranges(value for value, label in meaning.items() if label != VOID)
    void = ' and '.join(str(value) for value, label in meaning.items() if label == VOID)
    return f'is outside the classes ({inside}, void {void or "nowhere"})'


def _ranges(values: Iterable[int]) -> str:
    """Whole numbers in words, such as ``0 to 5, 7``."""
    found: list[list[int]] = []
    for value in sorted(values):
        if found and value == found[-1][1] + 1:
            found[-1][1] = value
        else:
            found.append([value, value])
    return ', '.join(f'{a} to {b}' if b > a else str(a) for a, b in found)


def _entry(found: Mapping, meaning: Mapping[int, int]) -> IndexEntry:
    labels = (meaning[value] for value in found['labels'])
    return IndexEntry(frozenset(v for v in labels if 0 < v < VOID), tuple(found['size']))


def _inspect(samples: Sequence[Sample]) -> list[Found]:
    """Inspect samples in order, many of them in one process per core.

    Threads would wait for each other: Pillow gives up the interpreter's lock many times per
    picture. The processes are forked, as those of PyTorch's loader are, because importing PyTorch
    anew takes longer than the work; they touch neither PyTorch nor CUDA.
    """
    shown = dict(title='Reading masks', total=len(samples))
    daemon = multiprocessing.current_process().daemon  # must not have children
    if len(samples) < _FEW or daemon or sys.platform != 'linux':
        return list(tracked(map(inspect_sample, samples), **shown))
    with ProcessPoolExecutor(
        len(os.sched_getaffinity(0)),
        multiprocessing.get_context('fork'),
        # an interrupt is for this process, which then ends the others
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    ) as pool:
        # forks here, before the progress bar starts its thread
        found = pool.map(inspect_sample, samples, chunksize=_CHUNK)
        return list(tracked(found, **shown))


def _state(sample: Sample) -> list[int] | None:
    """What changes when a file changes; the change time cannot be set back as mtime can."""
    try:
        stats = [os.stat(path) for path in sample]
    except OSError:
        return None
    return [v for s in stats for v in (s.st_size, s.st_mtime_ns, s.st_ctime_ns)]
