"""What would go wrong in a sequence: its heads, its work dir, settings that have changed."""

import json
from collections.abc import Mapping
from collections.abc import Sequence as Listing

from ..errors import InputError
from ..evaluation import SequenceResults
from ..models.growth import refusal
from .checkpoint import UsableCheckpoint
from .fingerprint import different_settings
from .picture_lists import PictureLists
from .sequence import Sequence
from .step_config import model_heads

_SHOWN = 3  # settings that differ, in a message


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
                f'{path.parent} holds a sequence with another {key} '
                f'({_differences(key, there.get(key), here[key])}); choose another --work-dir'
            )


def _differences(key: str, there: object, here: object) -> str:
    names = [value.get('name') for value in (there, here) if isinstance(value, Mapping)]
    if len(names) == 2 and names[0] != names[1]:
        return f'{names[0]}, and the config has {names[1]}'
    return _shown(different_settings(json.dumps({key: there}), json.dumps({key: here})))


def check_same_settings(step: int, begun: UsableCheckpoint, settings: str) -> None:
    """Refuse to go on with other settings than those that a step began with.

    Args:
        step: The step.
        begun: The checkpoint inside it that a run would go on from.
        settings: What the step depends on now.

    Raises:
        InputError: If they differ; it says in what, and the two ways on.
    """
    if begun.settings is None or begun.settings == settings:
        return
    shown = _shown(different_settings(begun.settings, settings))
    raise InputError(
        f'step {step} was begun with other settings ({shown}); go on with the old ones, or '
        f'train the step from its start with --resume --restart-step {step}'
    )


def _shown(different: Listing[str]) -> str:
    more = f' and {len(different) - _SHOWN} more' if len(different) > _SHOWN else ''
    return '; '.join(different[:_SHOWN]) + more


def data_doubts(sequence: Sequence, step: int, lists: PictureLists) -> list[str]:
    """What of a step's data a user may not have meant.

    Args:
        sequence: The sequence.
        step: The step.
        lists: Its pictures.

    Returns:
        A line for each doubt.
    """
    if sequence.step(step).is_given:
        return []
    doubts, shown = [], set().union(*lists.classes)
    missing = [label for label in sequence.task.new_classes(step) if label not in shown]
    if missing:
        names = ', '.join(sequence.task.names[label - 1] for label in missing)
        doubts.append(f'step {step}: no training picture shows {names}')
    if lists.num_shared:
        doubts.append(
            f'step {step}: {lists.num_shared} of the {lists.num_test} pictures that it is '
            'evaluated on are trained on too'
        )
    return doubts
