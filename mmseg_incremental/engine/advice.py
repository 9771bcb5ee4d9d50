"""What a user is told before a run, in place of it, and after."""

import shlex

from mmengine.dist import is_main_process

from ..errors import InputError
from ..sequence.backbone_weights import check_backbone_weights
from ..sequence.plan import plan_sequence
from ..sequence.plan_table import plan_table
from ..sequence.sequence import Sequence
from ..sequence.step_plan import RunOptions
from ..utils.arguments import PROGRAM
from ..utils.console import get_console, print_table
from .step_runner import world_size


def show_plan(sequence: Sequence, options: RunOptions) -> None:
    """Check everything, and print the table of steps.

    Args:
        sequence: The sequence.
        options: What would be done with it.

    Raises:
        InputError: If anything but the backbone weights cannot be used, which are only noted.
    """
    print_table(get_console(), plan_table(sequence, plan_sequence(sequence, options, world_size())))
    try:
        note = check_backbone_weights(sequence)
    except InputError as error:
        note = str(error)
    if note:
        print(f'note: {note}')


def tell_what_is_next(sequence: Sequence) -> None:
    """Print the commands that go on from a finished run, in one of several processes.

    Args:
        sequence: What was trained.
    """
    work_dir = sequence.work_dir
    steps = work_dir.checkpoints()
    if not (steps and is_main_process()):
        return
    model = work_dir.plain_config(max(steps)), work_dir.checkpoint(max(steps))
    print(f'next: {PROGRAM} predict {work_dir.path} PICTURES --out DIR')
    print(f'      {PROGRAM} extend {shlex.join(map(str, model))} \\')
    print('          --add CLASS --data-root DIR --work-dir NEW_DIR')
