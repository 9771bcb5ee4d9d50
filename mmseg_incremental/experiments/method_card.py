"""A method as tables: which moments of a sequence it uses, and what it costs."""

from ..methods.method import Method
from ..utils.table import Column, Table
from .method_cost import MethodCost


def moments_table(method: Method) -> Table:
    """A row per moment that the method uses: what acts there, with its arguments."""
    rows = [[moment, part] for moment, parts in method.moments().items() for part in parts]
    columns = [Column('moment', 'left'), Column('part', 'left')]
    return Table(f'{method.name}: what acts when', columns, [rows])


def cost_table(name: str, costs: dict[str, MethodCost]) -> Table:
    """The method beside fine-tuning."""
    columns = [
        Column('', 'left'),
        Column('s/iter', format='.3f'),
        Column('relative', format='.2f'),
        Column('memory MB', format='.0f'),
        Column('relative ', format='.2f'),
        Column('old passes', format='g'),
        Column('surveyed'),
        Column('learns', format=',d'),
    ]
    base = costs['ft']
    rows = [
        [
            label,
            cost.seconds,
            cost.seconds / base.seconds,
            cost.memory_mb,
            cost.memory_mb / base.memory_mb,
            cost.old_passes,
            cost.survey_pictures,
            cost.trainable,
        ]
        for label, cost in costs.items()
    ]
    notes = ['Peak memory beyond the process before the step; passes per iteration.']
    return Table(f'{name}: what step 1 costs on this machine', columns, [rows], notes)
