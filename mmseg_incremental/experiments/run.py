"""One training sequence among many: what it is called, and where it stands."""

import re
from collections.abc import Mapping
from collections.abc import Sequence as Listing
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError
from ..evaluation import SequenceResults
from ..sequence import RunOptions, Sequence, StepPlan, WorkDir, load_sequence, plan_sequence
from ..sequence.picture_lists import PictureLists
from .orders import order_options


@dataclass(frozen=True)
class Run:
    """A config with options and a seed.

    Args:
        config: Path of the config leaf.
        options: Config entries, by dotted key, that tell this run from others.
        seed: Seed of the run.
        label: What tables call it; runs that differ in the seed alone share it.
        common: Config entries that change no result, such as where the data lie.
        order: Number of the order of learning, see :func:`~.orders.order_options`.
    """

    config: str
    options: Mapping[str, object] = field(default_factory=dict)
    seed: int = 0
    label: str = ''
    common: Mapping[str, object] = field(default_factory=dict)
    order: int = 0

    @property
    def name(self) -> str:
        """Name of its folder: the config, the options, the order and the seed."""
        parts = [Path(self.config).stem]
        parts += [f'{key}={option_text(value)}' for key, value in self.options.items()]
        parts += [f'order={self.order}'] if self.order else []
        return re.sub(r'[^\w.,=+-]', '-', '_'.join([*parts, f'seed={self.seed}']))

    @property
    def all_options(self) -> dict[str, object]:
        """Every config entry that it sets."""
        options = {**self.common, **self.options, 'randomness.seed': self.seed}
        if not self.order:
            return options
        return {**options, **order_options(load_sequence(self.config, options).task, self.order)}

    def load(self, root: Path) -> Sequence:
        """The run's sequence, in its folder below ``root``.

        Raises:
            InputError: If the config or an option cannot be used.
        """
        return load_sequence(self.config, self.all_options, str(root / self.name))


@dataclass(frozen=True)
class PlannedRun:
    """A run whose config and data have been checked.

    Args:
        run: The run.
        sequence: What it trains.
        plans: What each step will do.
    """

    run: Run
    sequence: Sequence
    plans: Listing[StepPlan]

    @property
    def work_dir(self) -> WorkDir:
        """Its folder."""
        return self.sequence.work_dir

    @property
    def method(self) -> str:
        """Name of its method."""
        return self.sequence.method.name

    @property
    def finished(self) -> bool:
        """Whether every step is trained and evaluated."""
        results = self.results()
        return results is not None and all(plan.step in results.steps for plan in self.plans)

    def results(self) -> SequenceResults | None:
        """Results so far, or None before the first."""
        path = self.work_dir.results
        return SequenceResults.load(path) if path.is_file() else None


def plan_run(run: Run, root: Path, known_lists: dict[str, PictureLists]) -> PlannedRun:
    """Check a run before anything is trained.

    Args:
        run: The run.
        root: Folder of all runs.
        known_lists: Lists of pictures read for other runs; new ones are added.

    Returns:
        The run and its plan.

    Raises:
        InputError: If config or data cannot be used, or a finished step was trained with other
            settings or data than the run's.
    """
    sequence = run.load(root)
    plans = plan_sequence(sequence, RunOptions(resume=True), known_lists=known_lists)
    for plan in plans:
        if plan.outdated:
            raise InputError(
                f'{plan.target} was trained with other settings or data than those of '
                f'{run.config}; remove {sequence.work_dir.path}, or choose another --work-dir'
            )
    return PlannedRun(run, sequence, plans)


def option_text(value: object) -> str:
    """An option's value as ``--cfg-options`` reads it."""
    if isinstance(value, (list, tuple)):
        left, right = '()' if isinstance(value, tuple) else '[]'
        return left + ','.join(map(option_text, value)) + right
    return str(value)
