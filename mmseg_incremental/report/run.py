"""What a work dir holds that a report is made of; only the results must be there."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..evaluation import EvaluationDetail, SequenceResults
from ..sequence.stored_config import read_literals
from ..sequence.work_dir import WorkDir

_TIMED = re.compile(r'\d{8}_\d{6}')
#: Entries of a step's config that say where it was trained, or follow from others.
_PLACES = (
    'work_dir', 'sequence_dir', 'experiment_name', 'fingerprint', 'load_from', 'resume',
    'visualizer', 'vis_backends', 'launcher', 'memory', 'sequence', 'progress', 'old_model',
    'custom_imports',
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class ReportRun:
    """A sequence.

    Args:
        name: What it is called beside others.
        work_dir: Where it lies.
        results: At least one step.
        details: Step to its confusion and pictures, where they were kept.
        losses: Step to iterations and losses.
        commands: What was called, with the time.
        settings: The config of the last step that was trained, by dotted key; and the seed.
    """

    name: str
    work_dir: WorkDir
    results: SequenceResults
    details: Mapping[int, EvaluationDetail]
    losses: Mapping[int, Sequence[tuple[int, float]]]
    commands: Sequence[str]
    settings: Mapping[str, object]

    @property
    def method(self) -> str:
        """Name of its method."""
        return self.results.sequence['method']['name']

    @property
    def last(self) -> dict:
        """Result of the last step."""
        return self.results.steps[max(self.results.steps)]

    @property
    def seed(self) -> int | None:
        """Seed of the last step."""
        return self.last.get('seed')

    @classmethod
    def read(cls, path: str | os.PathLike, name: str | None = None) -> 'ReportRun':
        """Read a work dir.

        Args:
            path: The work dir.
            name: Defaults to that of the folder.

        Raises:
            InputError: If it has no results.
        """
        work_dir = WorkDir(Path(path))
        if not work_dir.results.is_file():
            raise InputError(f'{work_dir.results} not found: report takes work dirs with results')
        results = SequenceResults.load(work_dir.results)
        if not results.steps:
            raise InputError(f'{work_dir.results}: no step is done yet')
        steps = sorted(results.steps)
        return cls(
            name=name or work_dir.path.resolve().name,
            work_dir=work_dir,
            results=results,
            details={
                step: EvaluationDetail.load(work_dir.evaluation(step))
                for step in steps
                if work_dir.evaluation(step).is_file()
            },
            losses={step: found for step in steps if (found := _losses(work_dir.step_dir(step)))},
            commands=_lines(work_dir.commands),
            settings={**_settings(work_dir, steps), 'seed': results.steps[steps[-1]].get('seed')},
        )


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding='utf-8').splitlines() if path.is_file() else []


def _losses(step_dir: Path) -> list[tuple[int, float]]:
    """Losses as MMEngine logged them; where a run was resumed, the later ones."""
    found = {}
    for path in sorted(step_dir.glob('*/vis_data/scalars.json')):
        for line in _lines(path):
            try:
                row = json.loads(line)
            except ValueError:  # the last line of a run that was killed
                continue
            if 'loss' in row and 'iter' in row:
                found[int(row['iter'])] = float(row['loss'])
    return sorted(found.items())


def _settings(work_dir: WorkDir, steps: Sequence[int]) -> dict[str, object]:
    """The config that MMEngine kept of the last step that was trained, read as literals."""
    for step in reversed(steps):
        files = [p for p in work_dir.step_dir(step).glob('*.py') if _TIMED.fullmatch(p.stem)]
        for path in sorted(files):
            return dict(_flat(read_literals(path)))
    return {}


def _flat(value: object, key: str = '') -> list[tuple[str, object]]:
    if isinstance(value, Mapping):
        pairs = value.items()
    elif isinstance(value, (list, tuple)) and any(isinstance(v, Mapping) for v in value):
        pairs = enumerate(value)
    else:
        return [(key, value)]
    return [
        one
        for name, part in pairs
        if name not in _PLACES
        for one in _flat(part, f'{key}.{name}' if key else str(name))
    ]
