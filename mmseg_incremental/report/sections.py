"""What the report says of one run, section by section."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..evaluation import results_table
from ..tasks.task import BACKGROUND
from ..utils.flat_entries import flat_entries
from ..utils.table import Column, Table
from .charts import line_chart
from .run import ReportRun

_TOP = 10
_PICTURES = {
    'predictions.png': 'Pictures spread over the evaluation list',
    'most_forgotten.png': 'The most forgotten',
    'least_forgotten.png': 'The least forgotten',
}


@dataclass(frozen=True)
class Picture:
    """A drawing within the page.

    Args:
        title: What it shows.
        data: Its bytes as a ``data:`` address.
    """

    title: str
    data: str


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Args:
        title: Its heading.
        text: What is to be known beforehand.
        tables: Tables; with ``heat`` their percentages are shaded.
        charts: ``<svg>`` elements.
        pictures: Drawings.
        lines: Lines of a terminal.
        heat: Whether numbers in the tables are percentages.
    """

    title: str
    text: str = ''
    tables: Sequence[Table] = ()
    charts: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    lines: Sequence[str] = ()
    heat: bool = False


def sections(run: ReportRun) -> list[Section]:
    """All sections for which the work dir has something.

    Args:
        run: The run.

    Returns:
        In the order of the page.
    """
    makers: Sequence[Callable[[ReportRun], Section | None]] = (
        _summary, _learnt, _matrix, _curves, _pictures, _confusion, _cost, _origin,
    )  # fmt: skip
    return [section for make in makers if (section := make(run))]


def _summary(run: ReportRun) -> Section:
    results = run.results
    steps = sorted(results.steps)
    lines = {
        name: list(zip(steps, results.column('mIoU', name), strict=True))
        for name in results.names('mIoU')
    }
    chart = line_chart(lines, 'after step', 'mIoU (%)')
    return Section(
        'Results',
        'Mean IoU per group of classes after every step; the background does not count unless it '
        'is said. Forgetting is, per class, the best earlier IoU minus the last.',
        [results_table(results)],
        [chart] if len(steps) > 1 else [],
    )


def _learnt(run: ReportRun) -> Section:
    columns = [Column('step', 'left'), Column('new classes', 'left'),
               *map(Column, ('pictures', 'iterations', 'batch size', 'seed'))]  # fmt: skip
    rows = [
        [str(step), ', '.join(run.results.sequence['groups'][step]),
         *(result.get(key) for key in ('num_images', 'iterations', 'batch_size', 'seed'))]
        for step, result in sorted(run.results.steps.items())
    ]  # fmt: skip
    return Section('What was learnt when', tables=[Table('', columns, [rows])])


def _matrix(run: ReportRun) -> Section:
    results = run.results
    steps = sorted(results.steps)
    columns = [Column('class', 'left'), Column('learnt in', 'left')]
    columns += [Column(f'step {step}', format='.1f') for step in steps]
    columns.append(Column('forgotten', format='+.1f'))
    groups = results.sequence['groups'][: steps[-1] + 1]
    names = results.names('IoU')
    parts = [(BACKGROUND,)] if BACKGROUND in names else []
    known = [[name for name in part if name in names] for part in (*parts, *groups)]
    born = [''] * len(parts) + [f'step {step}' for step in range(len(groups))]
    table = Table('', columns, [
        [[name, when, *results.column('IoU', name), results.forgetting('IoU', name)]
         for name in part]
        for part, when in zip(known, born, strict=True) if part
    ])  # fmt: skip
    text = 'IoU (%) of every class after every step. What is forgotten is in percentage points.'
    return Section('Every class after every step', text, [table], heat=True)


def _curves(run: ReportRun) -> Section | None:
    charts = []
    if run.losses:
        lines = {f'step {step}': points for step, points in run.losses.items()}
        charts.append(line_chart(lines, 'iteration', 'loss', whole_x=False))
    curves = {
        f'step {step}': [(p['iteration'], p['mIoU'].get('all')) for p in result['learning_curve']]
        for step, result in sorted(run.results.steps.items())
        if result.get('learning_curve')
    }
    if curves:
        charts.append(line_chart(curves, 'iteration', 'mIoU (%)', whole_x=False))
    return Section('While learning', charts=charts) if charts else None


def _pictures(run: ReportRun) -> Section | None:
    found = [
        Picture(title, _data(path))
        for name, title in _PICTURES.items()
        if (path := run.work_dir.pictures / name).is_file()
    ]
    text = 'What is forgotten of a picture is the mean over the classes it shows that an earlier '
    text += 'step knew, background left out.'
    return Section('Pictures', text, pictures=found) if found else None


def _data(path: Path) -> str:
    return 'data:image/png;base64,' + base64.b64encode(path.read_bytes()).decode()


def _confusion(run: ReportRun) -> Section | None:
    """Groups against groups after the last step, and the pairs of classes that are mixed most."""
    last = max(run.results.steps)
    if last not in run.details:
        return None
    detail = run.details[last]
    steps = range(last + 1)
    groups = {f'step {step}': run.results.sequence['groups'][step] for step in steps}
    if BACKGROUND in detail.classes:
        groups = {BACKGROUND: [BACKGROUND], **groups}
    member = np.array([[name in names for name in detail.classes] for names in groups.values()])
    counts = member @ detail.confusion @ member.T
    shares = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    columns = [
        Column('pixels of', 'left'),
        *(Column(f'as {name}', format='.1f') for name in groups),
    ]
    rows = [[name, *row.tolist()] for name, row in zip(groups, shares, strict=True)]
    tables = [Table('Classes by the step that learnt them', columns, [rows])]
    if mixed := _mixed(detail.classes, detail.confusion):
        heads = [Column('pixels of', 'left'), Column('taken for', 'left'),
                 Column('share of them', format='.1f')]  # fmt: skip
        tables.append(Table('Classes that are mixed up most', heads, [mixed]))
    text = f'After step {last}: of the pixels of a class, the share (%) that is taken for another.'
    return Section('Who is taken for whom', text, tables, heat=True)


def _mixed(classes: Sequence[str], confusion: np.ndarray) -> list[list]:
    shares = 100 * confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    np.fill_diagonal(shares, 0)
    order = np.argsort(-shares, axis=None)[:_TOP]
    places = [np.unravel_index(place, shares.shape) for place in order]
    return [[classes[a], classes[b], float(shares[a, b])] for a, b in places if shares[a, b] > 0]


def _cost(run: ReportRun) -> Section | None:
    keys = ('seconds', 'peak_memory_mib', 'parameters', 'trainable_parameters')
    heads = ('seconds', 'peak memory (MiB)', 'parameters', 'trainable')
    columns = [Column('step', 'left'), *(Column(name, format=',.0f') for name in heads)]
    costs = {step: result.get('cost') or {} for step, result in sorted(run.results.steps.items())}
    if not any(costs.values()):
        return None
    rows = [[str(step), *(cost.get(key) for key in keys)] for step, cost in costs.items()]
    text = 'Seconds of all iterations, data loading included and evaluations left out. Memory is '
    text += "the GPU's allocations, without one the whole process."
    return Section('Time and memory', text, [Table('', columns, [rows])])


def _origin(run: ReportRun) -> Section:
    sequence, last = run.results.sequence, run.last
    facts = {
        'setting': sequence['setting'],
        'protocol': sequence['protocol'],
        'method': sequence['method'],
        'evaluated': last.get('inference'),
        'fingerprint of the last step': last.get('fingerprint'),
        **(last.get('versions') or {}),
    }
    flat = flat_entries(facts).items()
    rows = [[name, str(value)] for name, value in flat if value not in (None, [], {})]
    columns = [Column('what', 'left'), Column('value', 'left')]
    tables = [Table('', columns, [rows])]
    return Section('How it was made', tables=tables, lines=run.commands)
