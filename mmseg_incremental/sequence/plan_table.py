"""What a run will do, as a table."""

from collections.abc import Sequence as Listing
from pathlib import Path

from ..utils.table import Column, Table
from .sequence import Sequence
from .step_plan import StepPlan

#: Names of classes that are written out.
_SHOWN = 5


def plan_table(sequence: Sequence, plans: Listing[StepPlan]) -> Table:
    """The plans as a table.

    Args:
        sequence: The sequence.
        plans: Its steps.

    Returns:
        One row per step: classes, pictures to train and test on, iterations, learning rate,
        checkpoints. Below it stand what the config is made of and what a user should know.
    """
    task, folder = sequence.task, sequence.work_dir.path
    title = f'{sequence.method.name} on {task.dataset} {task.name}, {sequence.setting}'
    columns = [
        Column('step', 'left'),
        Column('new classes', 'left'),
        Column('train'),
        Column('test'),
        Column('iters'),
        Column('lr', format='g'),
        Column('starts from', 'left'),
        Column('writes', 'left'),
    ]
    rows = [
        [
            plan.step,
            ', '.join(plan.new_classes),
            plan.num_images,
            plan.num_test_images,
            plan.iters,
            plan.lr,
            # what is done begins nowhere
            None if plan.done else _begins_with(plan).removeprefix(f'{folder}/'),
            Path(plan.target).name + (' (done)' if plan.done else ''),
        ]
        for plan in plans
    ]
    chosen = ', '.join(f'{group} {name}' for group, name in sequence.choices.items())
    notes = [f'checkpoints are in {folder}', chosen]
    learnt = set(task.class_order)
    if left := [name for label, name in enumerate(task.names, 1) if label not in learnt]:
        meaning = 'background' if task.background else 'unlabelled'
        shown = ', '.join(left[:_SHOWN]) + (', ...' if len(left) > _SHOWN else '')
        notes.append(f'{len(left)} classes are in no step and count as {meaning}: {shown}')
    notes += [f'note: {note}' for plan in plans for note in plan.notes]
    return Table(title, columns, [rows], notes)


def _begins_with(plan: StepPlan) -> str:
    return plan.taken_from or plan.resume_from or plan.source
