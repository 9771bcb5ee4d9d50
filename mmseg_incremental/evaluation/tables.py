"""Results as tables for the terminal."""

from collections.abc import Sequence

from rich.table import Table

from .results import SequenceResults, average, forgetting


def results_table(results: SequenceResults) -> Table:
    """Step x group table, with average and forgetting.

    Args:
        results: At least one step.

    Returns:
        A table of percentages: mean IoU per group without background, then with it, and the
        pixel accuracy.
    """
    method, task = results.sequence['method']['name'], results.sequence['task']
    table = Table(title=f'{method} on {results.sequence["dataset"]} {task}: mIoU (%)')
    table.add_column('step')
    table.add_column('new classes', overflow='ellipsis', max_width=28)
    plain, background = results.names('mIoU'), results.names('mIoU_with_background')
    for name in plain:
        table.add_column(name, justify='right')
    for name in background:
        table.add_column(f'{name} + bg' if name == 'all' else name, justify='right', style='dim')
    table.add_column('pixel acc.', justify='right')
    columns = [results.column('mIoU', name) for name in plain]
    columns += [results.column('mIoU_with_background', name) for name in background]
    steps = sorted(results.steps)
    columns.append([results.steps[step]['pixel_accuracy'] for step in steps])
    for row, step in enumerate(steps):
        names = ', '.join(results.sequence['groups'][step])
        table.add_row(str(step), names, *_cells([column[row] for column in columns]))
    if len(steps) > 1:
        table.add_section()
        table.add_row('average', '', *_cells([average(column) for column in columns]))
        table.add_row('forgetting', '', *_cells([forgetting(column) for column in columns]))
    return table


def _cells(values: Sequence[float | None]) -> list[str]:
    return ['-' if value is None else f'{value:.2f}' for value in values]
