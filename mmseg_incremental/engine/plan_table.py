"""What a run will do, as a table."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from rich.table import Table

from .plan import StepPlan


def plan_table(cfg: Config, plans: Sequence[StepPlan]) -> Table:
    """The plans as a table for the terminal.

    Args:
        cfg: Config of the sequence.
        plans: Its steps.

    Returns:
        One row per step: classes, pictures, iterations, learning rate, checkpoints.
    """
    title = f'{cfg.method.name} on {cfg.task.dataset} {cfg.task.name}, {cfg.setting}'
    table = Table(title=title, caption=f'checkpoints are in {cfg.work_dir}')
    table.add_column('step')
    table.add_column('new classes', max_width=40)
    for name in ('pictures', 'evaluated on', 'iterations', 'learning rate'):
        table.add_column(name, justify='right')
    table.add_column('checkpoint in', overflow='fold')
    table.add_column('checkpoint out')
    for plan in plans:
        source = plan.taken_from or plan.resume_from or plan.source
        table.add_row(
            str(plan.step),
            ', '.join(plan.new_classes),
            str(plan.num_images),
            str(plan.num_test_images),
            str(plan.iters),
            f'{plan.lr:g}',
            source.removeprefix(f'{cfg.work_dir}/'),
            f'{Path(plan.target).name}{" (done)" if plan.done else ""}',
        )
    return table
