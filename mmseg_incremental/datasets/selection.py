"""Which pictures a step trains on or is evaluated on."""

from collections.abc import Iterable, Sequence

from ..errors import InputError
from ..tasks import Task
from .protocol import Protocol

SETTINGS = ('overlapped', 'disjoint', 'sequential')


def select_images(
    class_sets: Sequence[Iterable[int]], task: Task, step: int, setting: str = 'overlapped'
) -> list[int]:
    """Positions of the pictures that a step trains on.

    Args:
        class_sets: For each picture the labels in its mask; background and void are ignored.
        task: The task.
        step: The step.
        setting: ``'overlapped'`` and ``'sequential'`` keep a picture with at least one class of
            this step; ``'disjoint'`` also asks that it holds no class of a later step.

    Returns:
        The positions, ascending.

    Raises:
        InputError: If the setting or the step is unknown.

    Example:
        >>> from mmseg_incremental.tasks import get_task
        >>> task = get_task('voc', '15-5')
        >>> select_images([{15}, {15, 20}, {20}], task, 0, 'overlapped')
        [0, 1]
        >>> select_images([{15}, {15, 20}, {20}], task, 0, 'disjoint')
        [0]
    """
    if setting not in SETTINGS:
        raise InputError(f'unknown setting {setting!r}; settings are {list(SETTINGS)}')
    new = set(task.new_classes(step))
    forbidden = set(task.future_classes(step)) if setting == 'disjoint' else set()
    return [
        position
        for position, classes in enumerate(map(frozenset, class_sets))
        if not new.isdisjoint(classes) and forbidden.isdisjoint(classes)
    ]


def select_test_images(
    class_sets: Sequence[Iterable[int]], task: Task, step: int, protocol: Protocol
) -> list[int]:
    """Positions of the pictures that a step is evaluated on.

    Args:
        class_sets: For each picture the labels in its mask.
        task: The task.
        step: The step.
        protocol: Its ``test_images`` decides.

    Returns:
        The positions, ascending.
    """
    seen = set(task.seen_classes(step))
    return [
        position
        for position, classes in enumerate(class_sets)
        if protocol.test_images == 'all' or not seen.isdisjoint(classes)
    ]
