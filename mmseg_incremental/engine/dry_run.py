"""What a run would do, told without training."""

from ..errors import InputError
from ..sequence.backbone_weights import check_backbone_weights
from ..sequence.plan import plan_sequence
from ..sequence.plan_table import plan_table
from ..sequence.sequence import Sequence
from ..sequence.step_plan import RunOptions
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
