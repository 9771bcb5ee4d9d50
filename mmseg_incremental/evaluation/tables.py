"""Results as a table."""

import textwrap

from ..utils.table import Column, Table
from .measures import average
from .results import SequenceResults

_CLASSES_WIDTH = 28


def results_table(results: SequenceResults) -> Table:
    """Step x group table, with average and forgetting in a section of their own.

    Args:
        results: At least one step.

    Returns:
        A table of percentages: mean IoU per group without background, then of the groups that
        the background is part of, and the pixel accuracy.
    """
    plain = results.names('mIoU')
    # a group of new classes is the same with and without background
    background = [
        name for name in results.names('mIoU_with_background') if name == 'all' or name not in plain
    ]
    steps = sorted(results.steps)
    shown = [('mIoU', name) for name in plain]
    shown += [('mIoU_with_background', name) for name in background]
    columns = [results.column(*one) for one in shown]
    columns.append([results.steps[step]['pixel_accuracy'] for step in steps])
    names = [*plain, *(f'{name} + bg' if name == 'all' else name for name in background)]
    sections = [
        [
            [str(step), _class_list(results.sequence['groups'][step]), *values]
            for step, values in zip(steps, zip(*columns, strict=True), strict=True)
        ]
    ]
    if len(steps) > 1:
        sections.append(
            [
                ['average', '', *map(average, columns)],
                ['forgetting', '', *(results.forgetting(*one) for one in shown), None],
            ]
        )
    sequence = results.sequence
    method, task = sequence['method']['name'], sequence['task']
    held_back = sequence.get('dev')
    where = sequence['setting'] + (f', {held_back:.0%} held back' if held_back else '')
    heads = [Column('step', 'left'), Column('new classes', 'left')]
    heads += [Column(name, format='.2f') for name in [*names, 'pixel acc.']]
    title = f'{method} on {sequence["dataset"]} {task}, {where}: mIoU (%)'
    return Table(title, heads, sections)


def _class_list(names: list[str]) -> str:
    """The first names; a step may learn a hundred classes."""
    return textwrap.shorten(', '.join(names), _CLASSES_WIDTH, placeholder=' ...')
