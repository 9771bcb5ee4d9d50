"""Methods on one task and one network, side by side: what to run, and what it reached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.config import Config

from ..errors import InputError
from ..evaluation.spread import Spread
from ..utils.close_names import close_names
from ..utils.shipped import find_config
from ..utils.table import Column, Table
from .run import PlannedRun, Run

JOINT = 'Joint'
CONTROL = 'not trained'
#: Columns of the table: what each holds of a finished run.
COLUMNS = ('old', 'new', 'all', 'hIoU', 'forgetting', 'old kept (%)', 'all of Joint (%)')
_KEYS = {'title', 'leaf', 'joint', 'methods'}
#: Step 0 as it is: nothing is learnt, and no new class is predicted.
CONTROL_OPTIONS: Mapping[str, object] = {
    'method': 'ft',
    'method.classifier_init': 'silent',
    'step_schedule.later.lr': 0.0,
    'step_schedule.later.epochs': None,
    'step_schedule.later.iters': 1,
    'step_schedule.later.freeze_norm': True,
}


@dataclass(frozen=True)
class MethodComparison:
    """What is compared.

    Args:
        title: What it shows.
        leaf: Config of the task; its method is replaced.
        joint: Config that learns all classes at once.
        methods: Label to the config entries that the leaf does not have.
    """

    title: str
    leaf: str
    joint: str
    methods: Mapping[str, Mapping[str, object]]

    @classmethod
    def read(cls, path: Path) -> 'MethodComparison':
        """Read a comparison from a Python file.

        Args:
            path: File, or name of one that comes with the package; it sets ``title``, ``leaf``
                and ``joint`` (relative to the file) and ``methods``.

        Raises:
            InputError: If the file or one of its entries is missing.
        """
        path = find_config(path, 'comparisons')
        content = Config.fromfile(path).to_dict()
        if missing := sorted(_KEYS - set(content)):
            raise InputError(f'{path} lacks {missing}')
        leaves = [str((path.parent / content[key]).resolve()) for key in ('leaf', 'joint')]
        return cls(content['title'], *leaves, content['methods'])

    def runs(
        self, seeds: Sequence[int], common: Mapping[str, object], only: Sequence[str] = ()
    ) -> list[Run]:
        """The runs of all methods, with the control row first and Joint last.

        Args:
            seeds: The seeds.
            common: Config entries of all runs that change no result.
            only: Labels of the methods to run; none stands for all.

        Raises:
            InputError: If a label is unknown.
        """
        if unknown := sorted(set(only) - set(self.methods)):
            hint = close_names(unknown[0], self.methods, always_all=True)
            raise InputError(f'unknown method {unknown[0]!r}; {hint}')
        chosen = {k: v for k, v in self.methods.items() if not only or k in only}
        rows = [(CONTROL, self.leaf, CONTROL_OPTIONS)]
        rows += [(label, self.leaf, options) for label, options in chosen.items()]
        rows.append((JOINT, self.joint, {}))
        return [
            Run(config, dict(options), seed, label, dict(common))
            for label, config, options in rows
            for seed in seeds
        ]


@dataclass(frozen=True)
class MethodResult:
    """What a method reached.

    Args:
        label: The method.
        seeds: Seeds of its finished runs.
        values: Column to the value of every seed.
        step_0: mIoU (%) of the old classes after step 0, of every seed.
    """

    label: str
    seeds: Sequence[int]
    values: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    step_0: Sequence[float | None] = ()

    def spread(self, column: str) -> Spread:
        """Mean and standard deviation over the seeds."""
        return Spread.of(self.values.get(column, ()))


def method_results(planned: Sequence[PlannedRun]) -> list[MethodResult]:
    """Bring the finished runs of every label together, in the order of the runs.

    Args:
        planned: The runs.
    """
    labels: dict[str, list[PlannedRun]] = {}
    for item in planned:
        labels.setdefault(item.run.label, []).append(item)
    joint = {item.run.seed: _last(item)['mIoU']['all'] for item in labels[JOINT] if item.finished}
    found = []
    for label, items in labels.items():
        finished = [item for item in items if item.finished]
        rows = [_values(item, joint.get(item.run.seed)) for item in finished]
        values = {column: [row[column] for row in rows] for column in COLUMNS}
        first = [_step_0(item) for item in finished]
        found.append(MethodResult(label, [item.run.seed for item in finished], values, first))
    return found


def _last(item: PlannedRun) -> dict:
    steps = item.results().steps
    return steps[max(steps)]


def _step_0(item: PlannedRun) -> float | None:
    """Old classes after step 0; a joint training has no such moment."""
    results = item.results()
    return results.steps[0]['mIoU'][results.groups()[0]] if len(item.plans) > 1 else None


def _values(item: PlannedRun, joint: float | None) -> dict[str, float | None]:
    results, last = item.results(), _last(item)
    old, new = results.groups()
    first = _step_0(item)
    return dict(
        zip(
            COLUMNS,
            (
                last['mIoU'][old],
                last['mIoU'][new],
                last['mIoU']['all'],
                results.harmonic_mean(max(results.steps)),
                results.forgetting('mIoU', old) if first is not None else None,
                100 * last['mIoU'][old] / first if first else None,
                100 * last['mIoU']['all'] / joint if joint else None,
            ),
            strict=True,
        )
    )


def method_table(title: str, results: Sequence[MethodResult], notes: Sequence[str]) -> Table:
    """A row per method: mean and standard deviation over seeds of every column.

    Args:
        title: What it shows.
        results: The methods.
        notes: Sentences that stand under it.
    """
    columns = [Column('method', 'left'), *map(Column, COLUMNS), Column('old after step 0')]
    rows = [
        [
            result.label,
            *(result.spread(column) for column in COLUMNS),
            Spread.of(result.step_0),
            ' '.join(map(str, result.seeds)) or None,
        ]
        for result in results
    ]
    return Table(title, [*columns, Column('seeds')], [rows], notes)
