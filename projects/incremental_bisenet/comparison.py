"""A table of the paper beside ours: values, differences, and what they are worth."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmseg_incremental.evaluation.spread import Spread
from mmseg_incremental.experiments.run import PlannedRun
from mmseg_incremental.experiments.summary import last_metrics
from mmseg_incremental.utils.table import Column, Table

from .tables import PaperTable, Row

NOTHING = Spread.of(())


@dataclass(frozen=True)
class ComparedRow:
    """A row with our values.

    Args:
        row: The row of the paper.
        ours: Column to our mean and spread over seeds.
        seeds: Seeds of the finished runs.
        failures: What went wrong with the others.
        step_0: Our value of the first column after step 0; none of a single step.
    """

    row: Row
    ours: Mapping[str, Spread]
    seeds: Sequence[int]
    failures: Sequence[str] = ()
    step_0: Spread = NOTHING


def compare(
    table: PaperTable,
    runs: Sequence[tuple[Row, Sequence[PlannedRun]]],
    failures: Mapping[str, str],
) -> list[ComparedRow]:
    """Bring our runs into the columns of the paper's table.

    Args:
        table: The table.
        runs: Its rows, each with the runs of all seeds.
        failures: Name of a run to what went wrong.

    Returns:
        One entry per row.
    """
    rows = []
    for row, items in runs:
        finished = [item for item in items if item.finished]
        values = [column_values(table, item) for item in finished]
        ours = {name: Spread.of([value.get(name) for value in values]) for name in table.columns}
        wrong = [failures[item.run.name] for item in items if item.run.name in failures]
        first = Spread.of([_old_after_step_0(item) for item in finished])
        rows.append(ComparedRow(row, ours, [item.run.seed for item in finished], wrong, first))
    return rows


def _old_after_step_0(item: PlannedRun) -> float | None:
    results = item.results()
    return results.steps[0]['mIoU'][results.groups()[0]] if len(item.plans) > 1 else None


def column_values(table: PaperTable, item: PlannedRun) -> dict[str, float | None]:
    """Values of a finished run in the columns of a table.

    Returns:
        Column to percentage. ``old``, ``new`` and ``all`` are the reported groups of the task.
    """
    if table.epochs:
        curve = item.results().steps[0]['learning_curve']
        last = curve[-1]['iteration']
        moments = {
            name: last * (k + 1) / len(table.columns) for k, name in enumerate(table.columns)
        }
        points = {
            name: min(curve, key=lambda p, m=moment: abs(p['iteration'] - m))
            for name, moment in moments.items()
        }
        return {name: point['mIoU_with_background']['all'] for name, point in points.items()}
    metrics = last_metrics(item)
    groups = item.results().groups()
    metrics.update(zip(('old', 'new'), (metrics[name] for name in groups), strict=False))
    return {name: metrics.get(metric) for name, metric in table.columns.items()}


def comparison_table(
    table: PaperTable, rows: Sequence[ComparedRow], notes: Sequence[str] = ()
) -> Table:
    """For every column the paper's value, ours and the difference.

    Args:
        table: The table.
        rows: Its rows.
        notes: Sentences that stand under it.
    """
    printed, learnt = _has_paper_values(rows), _has_step_0(rows)
    columns = [Column('run', 'left')]
    for name in table.columns:
        if printed:
            columns.append(Column(f'{name} paper', format='.2f'))
        columns.append(Column(f'{name} ours' if printed else name))
        if printed:
            columns.append(Column(f'{name} diff.', format='+.2f'))
    if learnt:
        columns.append(Column('old after step 0'))
    columns.append(Column('seeds'))
    sections: dict[str, list[list[object]]] = {}
    for compared in rows:
        sections.setdefault(compared.row.section, []).append(
            _cells(table, compared, printed, learnt)
        )
    if len(sections) > 1:
        columns.insert(0, Column('task', 'left'))
        sections = {name: [[name, *line] for line in lines] for name, lines in sections.items()}
    return Table(table.title, columns, list(sections.values()), notes)


def _has_paper_values(rows: Sequence[ComparedRow]) -> bool:
    """Whether the paper trained this; its values say nothing of other data or networks."""
    return any(compared.row.paper for compared in rows)


def _has_step_0(rows: Sequence[ComparedRow]) -> bool:
    return any(compared.step_0.mean is not None for compared in rows)


def _cells(table: PaperTable, compared: ComparedRow, printed: bool, learnt: bool) -> list[object]:
    cells: list[object] = [compared.row.label + (' (FAILED)' if compared.failures else '')]
    for name in table.columns:
        paper, ours = compared.row.paper.get(name), compared.ours[name]
        known = paper is not None and ours.mean is not None
        difference = ours.mean - paper if known else None
        cells += [paper, ours, difference] if printed else [ours]
    if learnt:
        cells.append(compared.step_0)
    return [*cells, ' '.join(map(str, compared.seeds)) or None]


def verdicts(table: PaperTable, rows: Sequence[ComparedRow]) -> list[str]:
    """What the numbers say, with the spread over seeds beside every difference.

    Args:
        table: The table.
        rows: Its rows.

    Returns:
        One sentence each.
    """
    sentences = []
    for section in dict.fromkeys(compared.row.section for compared in rows):
        members = {c.row.label: c for c in rows if c.row.section == section}
        if table.order:
            for column in table.columns:
                sentences += _order_verdict(table, members, section, column)
        if table.control in members:
            sentences += _against_control(table, members, section)
        if table.baseline in members:
            base = members[table.baseline]
            others = [c for label, c in members.items() if label != table.baseline]
            sentences += [_difference(base, c, name) for c in others for name in table.columns]
    return sentences


def _against_control(
    table: PaperTable, members: Mapping[str, ComparedRow], section: str
) -> list[str]:
    """What each method changes of step 0 as it is; learning nothing is no result."""
    control, where = members[table.control], f'{section}, ' if section else ''
    sentences = []
    for label, compared in members.items():
        if label == table.control:
            continue
        gaps = {
            name: compared.ours[name].mean - control.ours[name].mean
            for name in table.columns
            if None not in (compared.ours[name].mean, control.ours[name].mean)
        }
        if gaps:
            listed = ', '.join(f'{name} {gap:+.2f}' for name, gap in gaps.items())
            sentences.append(f'{where}{label} against step 0 as it is: {listed}.')
    return sentences


def _order_verdict(
    table: PaperTable, members: Mapping[str, ComparedRow], section: str, column: str
) -> list[str]:
    """Whether a column rises as in the paper; not asked where the paper's own does not."""
    ranks = [[name for name in rank if name in members] for rank in table.order]
    ranks = [rank for rank in ranks if rank]
    if not _papers_own(members, ranks, column):
        return []
    wanted = ' < '.join(', '.join(rank) for rank in ranks)
    where = f'{section}, {column} classes: ' if section else f'{column} classes: '
    sentences, holds = [], True
    for lower, upper in itertools.pairwise(ranks):
        for one in lower:
            for other in upper:
                low, high = members[one].ours[column], members[other].ours[column]
                if low.mean is None or high.mean is None:
                    return [f'{where}{wanted} cannot be told, runs are missing.']
                if not low.mean < high.mean:
                    holds = False
                sentences.append(_difference(members[one], members[other], column, where))
    verdict = 'holds in our means' if holds else 'does NOT hold in our means'
    return [f'{where}the order {wanted} of the paper {verdict}.', *sentences]


def _papers_own(
    members: Mapping[str, ComparedRow], ranks: Sequence[Sequence[str]], column: str
) -> bool:
    printed = {label: compared.row.paper.get(column) for label, compared in members.items()}
    pairs = [
        (printed[one], printed[other])
        for lower, upper in itertools.pairwise(ranks)
        for one, other in itertools.product(lower, upper)
    ]
    return all(None in pair or pair[0] < pair[1] for pair in pairs)


def _difference(base: ComparedRow, other: ComparedRow, column: str, where: str = '') -> str:
    low, high = base.ours[column], other.ours[column]
    name = f'{where}{other.row.label} - {base.row.label}'
    name += '' if where else f', {column}'
    if low.mean is None or high.mean is None:
        return f'{name}: not measured.'
    text = f'{name}: {high.mean - low.mean:+.2f}'
    if column in base.row.paper and column in other.row.paper:
        text += f' (paper, one run: {other.row.paper[column] - base.row.paper[column]:+.2f})'
    if low.deviation is None or high.deviation is None:
        return f'{text}; fewer than two seeds each, so the spread is unknown.'
    spread = math.hypot(low.deviation, high.deviation)
    known = 'exceeds' if abs(high.mean - low.mean) > spread else 'does not exceed'
    return f'{text}, which {known} the spread over seeds of {spread:.2f}.'
