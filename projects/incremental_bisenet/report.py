"""The files that a reproduced table leaves behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmseg_incremental.experiments.run import PlannedRun
from mmseg_incremental.utils.table import Table, write_table
from mmseg_incremental.visualization import draw_group_plot, draw_learning_curves

from .comparison import ComparedRow, compare, comparison_table, verdicts
from .tables import PaperTable, Row


@dataclass(frozen=True)
class Report:
    """A reproduced table.

    Args:
        table: The paper's values beside ours.
        files: What was written.
    """

    table: Table
    files: Sequence[Path]


def write_report(
    table: PaperTable,
    runs: Sequence[tuple[Row, Sequence[PlannedRun]]],
    failures: Mapping[str, str],
    facts: Mapping[str, str],
    stem: Path,
) -> Report:
    """Write a table as text, Markdown, CSV and a plot.

    Args:
        table: The table.
        runs: Its rows, each with the runs of all seeds.
        failures: Name of a run to what went wrong.
        facts: What the reader should know, such as the command and the machine.
        stem: Path without suffix.

    Returns:
        The report.

    Raises:
        OSError: If the folder cannot be written.
    """
    rows = compare(table, runs, failures)
    notes = [*_about_seeds(rows), *verdicts(table, rows)]
    notes += [f'FAILED: {name}: {failure}' for name, failure in failures.items()]
    notes += [f'{name}: {value}' for name, value in facts.items()]
    compared = comparison_table(table, rows, notes)
    picture = stem.with_name(f'{stem.name}.png')
    files = write_table(compared, stem, picture=picture.name)
    _draw(table, runs, rows, picture)
    return Report(compared, [*files, picture])


def _about_seeds(rows: Sequence[ComparedRow]) -> list[str]:
    numbers = sorted({len(compared.seeds) for compared in rows})
    counted = ' or '.join(map(str, numbers))
    if numbers[-1] < 2:
        return [f'Seeds per run: {counted}. A single run says nothing about the spread.']
    return [f'Seeds per run: {counted}; ± is the sample standard deviation over them.']


def _draw(
    table: PaperTable,
    runs: Sequence[tuple[Row, Sequence[PlannedRun]]],
    rows: Sequence[ComparedRow],
    path: Path,
) -> None:
    if table.epochs:
        curves = {}
        for row, items in runs:
            for item in items:
                if item.finished:
                    label = row.label + (f', seed {item.run.seed}' if len(items) > 1 else '')
                    curves[label] = _curve(item)
        draw_learning_curves(curves, table.title, path)
        return
    values = {}
    for compared in rows:
        label = ', '.join(filter(None, [compared.row.label, compared.row.section]))
        values[label] = {
            name: (spread.mean, spread.deviation)
            for name, spread in compared.ours.items()
            if spread.mean is not None
        }
    draw_group_plot(values, table.title, path)


def _curve(item: PlannedRun) -> list[tuple[float, float]]:
    """Points (epoch, mIoU with background)."""
    first = item.results().steps[0]
    per_epoch = max(first['num_images'] // first['batch_size'], 1)
    return [
        (point['iteration'] / per_epoch, point['mIoU_with_background']['all'])
        for point in first['learning_curve']
    ]
