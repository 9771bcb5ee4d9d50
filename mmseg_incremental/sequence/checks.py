"""What would go wrong in a sequence whatever its data: its heads, its work dir."""

from ..errors import InputError
from ..evaluation import SequenceResults
from ..models.growth import refusal
from .sequence import Sequence
from .step_config import model_heads


def check_heads(sequence: Sequence) -> None:
    """Refuse heads that cannot grow by a classifier per step.

    Args:
        sequence: The sequence.

    Raises:
        InputError: If one cannot; the message says why.
    """
    for head in model_heads(sequence.cfg.model):
        if reason := refusal(head):
            raise InputError(reason)


def check_work_dir(sequence: Sequence) -> None:
    """Refuse a work dir that holds another sequence.

    Args:
        sequence: The sequence.

    Raises:
        InputError: If its results are of another task, method, setting or protocol.
    """
    path = sequence.work_dir.results
    if not path.is_file():
        return
    there, here = SequenceResults.load(path).sequence, sequence.description
    for key in here:
        if there.get(key) != here[key] and key != 'task':
            raise InputError(
                f'{path.parent} holds a sequence with another {key} ({there.get(key)}, the '
                f'config has {here[key]}); choose another --work-dir'
            )
