"""What many runs reached: mean and standard deviation over seeds, as one table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..evaluation.spread import Spread
from ..utils.console import get_console, print_table
from ..utils.table import Column, Table, write_table
from ..visualization import draw_group_plot
from .run import PlannedRun

_NOT_PLOTTED = ('all + bg', 'pixel acc.')


@dataclass(frozen=True)
class Group:
    """Runs that differ in the seed alone.

    Args:
        label: What tables call them.
        seeds: Seeds of the finished runs.
        orders: Number of orders of learning among them.
        metrics: Metric name to its spread after the last step.
        failures: What went wrong with the others.
    """

    label: str
    seeds: Sequence[int]
    metrics: Mapping[str, Spread] = field(default_factory=dict)
    failures: Sequence[str] = ()
    orders: int = 1


def summarize(planned: Sequence[PlannedRun], failures: Mapping[str, str]) -> list[Group]:
    """Bring the seeds of every label together.

    Args:
        planned: The runs.
        failures: Name of a run to what went wrong.

    Returns:
        One group per label, in the order of the runs.
    """
    labels: dict[str, list[PlannedRun]] = {}
    for item in planned:
        labels.setdefault(item.run.label, []).append(item)
    groups = []
    for label, items in labels.items():
        finished = [item for item in items if item.finished]
        metrics = [last_metrics(item) for item in finished]
        names = dict.fromkeys(name for found in metrics for name in found)
        spreads = {name: Spread.of([found.get(name) for found in metrics]) for name in names}
        wrong = [failures[item.run.name] for item in items if item.run.name in failures]
        seeds = list(dict.fromkeys(item.run.seed for item in finished))
        orders = len({item.run.order for item in finished})
        groups.append(Group(label, seeds, spreads, wrong, orders))
    return groups


def last_metrics(item: PlannedRun) -> dict[str, float | None]:
    """Metrics of a finished run after its last step.

    Returns:
        mIoU (%) per reported group, ``all + bg`` (background counted) and ``pixel acc.``.
    """
    last = item.results().steps[max(plan.step for plan in item.plans)]
    metrics = dict(last['mIoU'])
    if last['mIoU_with_background']:  # there is none where the data have no background
        metrics['all + bg'] = last['mIoU_with_background'].get('all')
    metrics['pixel acc.'] = last['pixel_accuracy']
    return metrics


def metric_names(groups: Sequence[Group]) -> list[str]:
    """Names of all metrics, in the order in which they appear."""
    return list(dict.fromkeys(name for group in groups for name in group.metrics))


def summary_table(groups: Sequence[Group], title: str) -> Table:
    """Table with a row per group; the last column counts failed runs, the notes name them.

    Args:
        groups: The groups.
        title: What the runs have in common.
    """
    names = metric_names(groups)
    orders = any(group.orders > 1 for group in groups)
    rows = [
        [
            group.label,
            *(group.metrics.get(name) for name in names),
            *([group.orders, _worst(group)] if orders else []),
            ' '.join(map(str, group.seeds)) or None,
            len(group.failures) or '',
        ]
        for group in groups
    ]
    columns = [Column('run', 'left'), *map(Column, names)]
    if orders:
        columns += [Column('orders'), Column('worst all', format='.2f')]
    columns += map(Column, ['seeds', 'failed'])
    wrong = [f'FAILED: {g.label}: {failure}' for g in groups for failure in g.failures]
    return Table(title, columns, [rows], wrong)


def _worst(group: Group) -> float | None:
    """Mean IoU of all classes of the worst order and seed."""
    return group.metrics['all'].worst if 'all' in group.metrics else None


def data_table(groups: Sequence[Group], title: str) -> Table:
    """Table with mean, standard deviation and number of every metric in columns of their own.

    Args:
        groups: The groups.
        title: What the runs have in common.
    """
    names = metric_names(groups)
    columns = [f'{name} {part}' for name in names for part in ('mean', 'std', 'number')]
    rows = []
    for group in groups:
        spreads = [group.metrics.get(name, Spread.of([])) for name in names]
        values = [value for s in spreads for value in (s.mean, s.deviation, s.number)]
        rows.append([group.label, *values, len(group.failures)])
    return Table(title, [Column('run', 'left'), *map(Column, [*columns, 'failed'])], [rows])


def group_values(
    groups: Sequence[Group], names: Sequence[str]
) -> dict[str, dict[str, tuple[float, float | None]]]:
    """Mean and standard deviation of some metrics, of the groups with a finished run.

    Args:
        groups: The groups.
        names: Metric names.
    """
    return {
        group.label: {
            name: (group.metrics[name].mean, group.metrics[name].deviation)
            for name in names
            if name in group.metrics and group.metrics[name].mean is not None
        }
        for group in groups
        if group.seeds
    }


def write_summary(groups: Sequence[Group], title: str, stem: Path) -> list[Path]:
    """Write the table as text, Markdown and CSV, and a plot of the groups of classes.

    Args:
        groups: The groups.
        title: What the runs have in common.
        stem: Path without suffix.

    Returns:
        The files.

    Raises:
        OSError: If the folder cannot be written.
    """
    table, picture = summary_table(groups, title), stem.with_name(f'{stem.name}.png')
    files = write_table(table, stem, data=data_table(groups, title), picture=picture.name)
    plotted = [name for name in metric_names(groups) if name not in _NOT_PLOTTED]
    draw_group_plot(group_values(groups, plotted), title, picture)
    return [*files, picture]


def report_summary(
    planned: Sequence[PlannedRun], failures: Mapping[str, str], name: str, stem: Path
) -> None:
    """Print the table of all runs, and write it.

    Args:
        planned: The runs.
        failures: Name of a run to what went wrong.
        name: What was varied.
        stem: Path of the files without suffix.

    Raises:
        OSError: If the folder cannot be written.
    """
    console = get_console()
    groups = summarize(planned, failures)
    title = f'{name}: mIoU (%) after the last step, mean ± standard deviation'
    print_table(console, summary_table(groups, title))
    for path in write_summary(groups, title, stem):
        console.print(f'wrote {path}', soft_wrap=True)
