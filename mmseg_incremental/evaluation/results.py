"""All results of a sequence so far, in one file."""

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from ..errors import InputError
from ..tasks.task import BACKGROUND
from ..utils.files import write_atomically
from .measures import average, forgetting, harmonic_mean

#: Version of the layout of ``results.json``, described in docs/results.md.
SCHEMA = 2
_CHECKSUM = 'sha256'
_ENTRIES = {
    'schema', 'sequence', 'selection', 'steps', 'average', 'forgetting', 'hIoU', 'joint',
    'relative_to_joint', _CHECKSUM,
}  # fmt: skip
_KINDS = {'mIoU': 'mIoU', 'mIoU_bg': 'mIoU_with_background', 'IoU': 'IoU'}


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
        joint: mIoU (%) per group of a model that learnt all classes at once, to compare with.
    """

    def __init__(
        self,
        sequence: Mapping,
        steps: Mapping[int, dict] | None = None,
        joint: Mapping[str, float | None] | None = None,
    ) -> None:
        self.sequence = dict(sequence)
        self.steps = dict(steps or {})
        self.joint = dict(joint or {})

    @classmethod
    def load(cls, path: str | os.PathLike) -> 'SequenceResults':
        """Read ``results.json``.

        Raises:
            InputError: If it is damaged.
        """
        try:
            content = json.loads(Path(path).read_text(encoding='utf-8'))
            schema = content.get('schema', 1)
            if schema <= SCHEMA:
                _check_sum(content)
                steps = {int(k): _check_step(v) for k, v in content['steps'].items()}
                return cls(content['sequence'], steps, content.get('joint'))
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise InputError(
                f'{path}: damaged results file ({error}); move it away, and --resume evaluates the '
                'finished steps again'
            ) from error
        raise InputError(f'{path}: written by a newer version (schema {schema})')

    def save(self, path: str | os.PathLike) -> None:
        """Write ``results.json``, everything unrounded.

        Raises:
            OSError: If the folder cannot be written.
        """
        content = {
            'schema': SCHEMA,
            'sequence': self.sequence,
            'selection': 'the last model of every step',
            'steps': {str(step): self.steps[step] for step in sorted(self.steps)},
            'average': self._summary(lambda kind, name: average(self.column(kind, name))),
            'forgetting': self._summary(self.forgetting),
            'hIoU': [self.harmonic_mean(step) for step in sorted(self.steps)],
        }
        if self.joint:
            content['joint'] = self.joint
            content['relative_to_joint'] = self.relative_to_joint()
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

    def groups(self) -> list[str]:
        """Reported groups of the last recorded step, old classes first, without ``'all'``."""
        return [name for name in self.names('mIoU') if name != 'all']

    def members(self, kind: str, name: str) -> list[str]:
        """Classes behind a value: those of a group, whose name holds positions, or the class."""
        if kind == 'IoU':
            return [name]
        order = [BACKGROUND, *(c for group in self.sequence['groups'] for c in group)]
        first = int(kind != 'mIoU_with_background')
        if name == 'all':
            return order[first:]
        start, _, end = name.partition('-')
        return order[int(start) : int(end or start) + 1]

    def forgetting(self, kind: str, name: str) -> float | None:
        """Mean of :func:`forgetting` over the classes of a group that an earlier step learnt.

        Args:
            kind: ``'mIoU'``, ``'mIoU_with_background'`` or ``'IoU'``.
            name: A group or a class.

        Returns:
            Percentage points, or None if no class of it was learnt before the last step.
        """
        learnt = {BACKGROUND, *(c for g in self.sequence['groups'][: max(self.steps)] for c in g)}
        classes = [c for c in self.members(kind, name) if c in learnt]
        return average([forgetting(self.column('IoU', c)) for c in classes])

    def harmonic_mean(self, step: int) -> float | None:
        """Harmonic mean (hIoU, %) of the first and the second reported group after a step."""
        values = self.steps[step]['mIoU']
        old, new = [*[n for n in values if n != 'all'], None, None][:2]
        return harmonic_mean(values.get(old), values.get(new))

    def relative_to_joint(self) -> dict[str, float | None]:
        """Share (%) of the joint model's mean IoU that the last step reaches, per group."""
        last = self.steps[max(self.steps)]['mIoU'] if self.steps else {}
        return {
            name: 100 * last[name] / joint if joint and last.get(name) is not None else None
            for name, joint in self.joint.items()
        }

    def _summary(self, measure: Callable[[str, str], float | None]) -> dict:
        return {
            kind: {name: measure(kind, name) for name in self.names(kind)}
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
