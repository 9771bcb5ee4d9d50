"""Which pictures a step trains on or is evaluated on."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from ..errors import InputError
from ..tasks import Task
from .protocol import Protocol

SETTINGS = ('overlapped', 'disjoint', 'sequential', 'partitioned')


def select_images(
    class_sets: Sequence[Iterable[int]],
    task: Task,
    step: int,
    setting: str = 'overlapped',
    seed: int = 0,
) -> list[int]:
    """Positions of the pictures that a step trains on.

    Args:
        class_sets: For each picture the labels in its mask; background and void are ignored.
        task: The task.
        step: The step.
        setting: ``'overlapped'`` keeps a picture with at least one class of this step;
            ``'disjoint'`` and ``'sequential'`` (Michieli and Zanuttigh, ICCVW 2019, where old
            classes stay labelled) also ask that it holds no class of a later step.
            ``'partitioned'`` gives each picture to one of the steps that learn a class in it.
        seed: Seed of the draw of ``'partitioned'``; the draw of a picture depends on its position.

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
    sets = [frozenset(classes) for classes in class_sets]
    if setting == 'partitioned':
        owners = _owners(sets, task, seed)
        return [position for position, owner in enumerate(owners) if owner == step]
    forbidden = set() if setting == 'overlapped' else set(task.future_classes(step))
    return [
        position
        for position, classes in enumerate(sets)
        if not new.isdisjoint(classes) and forbidden.isdisjoint(classes)
    ]


def _owners(sets: Sequence[frozenset[int]], task: Task, seed: int) -> list[int | None]:
    """The step that each picture belongs to, drawn among those that learn a class in it."""
    draws = np.random.default_rng(seed).random(len(sets))
    owners: list[int | None] = []
    for classes, draw in zip(sets, draws, strict=True):
        steps = [t for t in range(task.num_steps) if classes & set(task.new_classes(t))]
        owners.append(steps[int(draw * len(steps))] if steps else None)
    return owners


def in_dev_part(name: str, share: float) -> bool:
    """Whether a training picture is held back for choosing hyper-parameters.

    The name alone decides, so that a picture is held back at every step and in every setting.

    Args:
        name: Name of the picture.
        share: Share that is held back, between 0 and 1.
    """
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:8], 'big') < share * 2**64


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
