"""What the report says of several runs side by side."""

from collections.abc import Sequence

from ..evaluation.measures import average
from ..evaluation.spread import Spread
from ..utils.table import Column, Table
from .charts import line_chart, scatter_chart
from .run import ReportRun
from .sections import Section

_MAY_BREAK = '\u200b'


def comparison(runs: Sequence[ReportRun]) -> list[Section]:
    """Methods against each other, over their seeds.

    Args:
        runs: At least two.

    Returns:
        In the order of the page.
    """
    methods: dict[str, list[ReportRun]] = {}
    for run in runs:
        methods.setdefault(_label(run, runs), []).append(run)
    found = [_table(methods), _old_new(methods), _over_steps(methods), _differences(runs)]
    return [section for section in found if section]


def _label(run: ReportRun, runs: Sequence[ReportRun]) -> str:
    """The method, and where tasks differ the task too; runs of one label differ in the seed."""
    sequence = run.results.sequence
    tasks = {(r.results.sequence['dataset'], r.results.sequence['task']) for r in runs}
    name = run.method
    alike = [r.results.sequence['method'] for r in runs if r.method == run.method]
    if any(one != alike[0] for one in alike):
        name = f'{name} ({run.name})'
    return name if len(tasks) == 1 else f'{name}, {sequence["dataset"]} {sequence["task"]}'


def _table(methods: dict[str, list[ReportRun]]) -> Section:
    groups = dict.fromkeys(g for runs in methods.values() for r in runs for g in r.last['mIoU'])
    columns = [Column('method', 'left'), Column('runs'), *map(Column, groups), Column('hIoU'),
               Column('forgetting')]  # fmt: skip
    rows = []
    for label, runs in methods.items():
        values = [[run.last['mIoU'].get(group) for run in runs] for group in groups]
        values.append([run.results.harmonic_mean(max(run.results.steps)) for run in runs])
        values.append([run.results.forgetting('mIoU', 'all') for run in runs])
        rows.append([label, len(runs), *(str(Spread.of(column)) for column in values)])
    text = 'mIoU (%) per group after the last step, mean ± standard deviation over the runs.'
    return Section('Side by side', text, [Table('', columns, [rows])])


def _old_new(methods: dict[str, list[ReportRun]]) -> Section | None:
    points = {}
    for label, runs in methods.items():
        pairs = [tuple(run.last['mIoU'].get(g) for g in run.results.groups()[:2]) for run in runs]
        if known := [pair for pair in pairs if len(pair) == 2 and None not in pair]:
            points[label] = known
    if not points:
        return None
    chart = scatter_chart(points, 'old classes, mIoU (%)', 'new classes, mIoU (%)')
    text = 'To the right is what was kept, to the top what was learnt. Small marks are runs, large '
    text += 'ones their mean.'
    return Section('Old against new', text, charts=[chart])


def _over_steps(methods: dict[str, list[ReportRun]]) -> Section | None:
    lines = {}
    for label, runs in methods.items():
        steps = sorted(set.union(*(set(run.results.steps) for run in runs)))
        lines[label] = [
            (step, average([run.results.steps[step]['mIoU'].get('all') for run in there]))
            for step in steps
            if (there := [run for run in runs if step in run.results.steps])
        ]
    if max(map(len, lines.values())) < 2:
        return None
    return Section('Over the steps', charts=[line_chart(lines, 'after step', 'mIoU of all (%)')])


def _differences(runs: Sequence[ReportRun]) -> Section:
    keys = dict.fromkeys(key for run in runs for key in run.settings)
    values = {key: [run.settings.get(key) for run in runs] for key in keys}
    different = {k: v for k, v in values.items() if any(one != v[0] for one in v)}
    columns = [Column('entry', 'left'), *(Column(run.name, 'left') for run in runs)]
    rows = [
        [key.replace('.', f'.{_MAY_BREAK}'), *('-' if v is None else str(v) for v in found)]
        for key, found in different.items()
    ]
    unread = [run.name for run in runs if len(run.settings) < 2]
    text = 'Entries of the last step that was trained; the others are the same.'
    if unread:
        text += f' No config was kept of {", ".join(unread)}.'
    tables = [Table('', columns, [rows])] if rows else []
    return Section('What differs between their configs', text, tables)
