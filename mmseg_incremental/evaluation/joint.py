"""The model that learnt all classes at once, which a sequence is compared with."""

from collections.abc import Mapping
from pathlib import Path

from ..errors import InputError
from .results import SequenceResults


def joint_reference(path: Path, sequence: Mapping) -> dict[str, float | None]:
    """MIoU (%) per reported group of a joint training.

    Args:
        path: Its results file.
        sequence: Description of the sequence that is compared with it.

    Returns:
        Group to percentage.

    Raises:
        InputError: If it has no results, more than one step, or other classes.
    """
    if not path.is_file():
        raise InputError(f'{path} not found: --joint takes the work dir of a finished joint run')
    results = SequenceResults.load(path)
    if list(results.steps) != [0] or len(results.sequence['groups']) != 1:
        raise InputError(f'{path}: a joint run has one step that learns all classes at once')
    here = {name for group in sequence['groups'] for name in group}
    if set(results.sequence['groups'][0]) != here:
        raise InputError(f'{path}: its classes are not those of this sequence')
    return results.steps[0]['mIoU']
