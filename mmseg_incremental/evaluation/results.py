"""All results of a sequence so far, in one file."""

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import InputError
from ..utils.files import write_atomically

_CHECKSUM = 'sha256'
_ENTRIES = {'sequence', 'steps', 'average', 'forgetting', _CHECKSUM}
_KINDS = {'mIoU': 'mIoU', 'mIoU_bg': 'mIoU_with_background', 'IoU': 'IoU'}


def forgetting(values: Sequence[float | None]) -> float | None:
    """Largest earlier value minus the last.

    Args:
        values: IoU (%) after each step, None where there is none.

    Returns:
        Percentage points forgotten, or None without an earlier or a last value.

    Example:
        >>> forgetting([60.0, 65.0, 40.0])
        25.0
    """
    earlier = [value for value in values[:-1] if value is not None]
    if not earlier or values[-1] is None:
        return None
    return max(earlier) - values[-1]


def average(values: Sequence[float | None]) -> float | None:
    """Mean over the steps that have a value, or None."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def group_metrics(metrics: Mapping[str, float]) -> dict:
    """Sort flat metrics into groups.

    Args:
        metrics: What :class:`ClassGroupIoUMetric` measures: metric name to percentage.

    Returns:
        ``mIoU``, ``mIoU_with_background`` and ``IoU``, each name to percentage, and
        ``pixel_accuracy``; None stands for NaN.
    """
    result: dict = {kind: {} for kind in _KINDS.values()}
    for key, value in metrics.items():
        value = None if math.isnan(value) else value
        kind, _, name = key.partition('/')
        if kind == 'aAcc':
            result['pixel_accuracy'] = value
        elif kind in _KINDS:
            result[_KINDS[kind]][name] = value
    return result


class SequenceResults:
    """Results of a sequence, step by step.

    Args:
        sequence: What the results belong to.
        steps: Step to its result: ``mIoU``, ``mIoU_with_background`` and ``IoU`` map names to
            percentages, ``pixel_accuracy`` is one; None where nothing was there to measure.
    """

    def __init__(self, sequence: Mapping, steps: Mapping[int, dict] | None = None) -> None:
        self.sequence = dict(sequence)
        self.steps = dict(steps or {})

    @classmethod
    def load(cls, path: str | os.PathLike) -> 'SequenceResults':
        """Read ``results.json``.

        Raises:
            InputError: If it is damaged.
        """
        try:
            content = json.loads(Path(path).read_text(encoding='utf-8'))
            _check_sum(content)
            steps = {int(k): _check_step(v) for k, v in content['steps'].items()}
            return cls(content['sequence'], steps)
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise InputError(
                f'{path}: damaged results file ({error}); move it away, and --resume evaluates the '
                'finished steps again'
            ) from error

    def save(self, path: str | os.PathLike) -> None:
        """Write ``results.json``, everything unrounded.

        Raises:
            OSError: If the folder cannot be written.
        """
        content = {
            'sequence': self.sequence,
            'steps': {str(step): self.steps[step] for step in sorted(self.steps)},
            'average': self._summary(average),
            'forgetting': self._summary(forgetting),
        }
        content[_CHECKSUM] = _sum_of(content)
        write_atomically(path, json.dumps(content, indent=2) + '\n')

    def record(self, step: int, metrics: Mapping[str, float], **facts: object) -> None:
        """Keep what :class:`ClassGroupIoUMetric` measured after a step.

        Args:
            step: The step.
            metrics: Metric name to percentage.
            **facts: Anything else worth keeping, such as the number of pictures.
        """
        self.steps[step] = {**facts, **group_metrics(metrics)}

    def column(self, kind: str, name: str) -> list[float | None]:
        """Values of one group or class after each recorded step."""
        return [self.steps[step][kind].get(name) for step in sorted(self.steps)]

    def names(self, kind: str) -> list[str]:
        """Groups or classes that the last recorded step has."""
        return list(self.steps[max(self.steps)][kind]) if self.steps else []

    def _summary(self, summarise: object) -> dict:
        return {
            kind: {name: summarise(self.column(kind, name)) for name in self.names(kind)}
            for kind in _KINDS.values()
        }


def _sum_of(content: Mapping) -> str:
    values = {key: value for key, value in content.items() if key != _CHECKSUM}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _check_sum(content: Mapping) -> None:
    """Notice values that have changed; a file without a checksum was made by hand."""
    if unknown := sorted(set(content) - _ENTRIES):
        raise ValueError(f'unknown entries {unknown}')
    if _CHECKSUM in content and content[_CHECKSUM] != _sum_of(content):
        raise ValueError(f'its {_CHECKSUM} differs; take it out if you have edited the file')


def _check_step(result: object) -> dict:
    """Make sure that what tables are made of are numbers by name."""
    for kind in _KINDS.values():
        for name, value in result[kind].items():
            if value is not None and type(value) not in (int, float):
                raise TypeError(f'{kind} of {name} is {value!r}')
    return result
