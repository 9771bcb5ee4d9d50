"""What a label value of the data means, and which channel a step gives it."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..errors import InputError
from ..tasks import Task
from ..tasks.task import VOID
from .protocol import Protocol


def label_meaning(task: Task, names: Sequence[str] | None = None) -> dict[int, int]:
    """What each label value of the data stands for.

    This is the only place that knows how data number their labels: 0 is the background, then come
    the classes in the order of ``task.names``, and 255 is void. Everything else works with the
    task's own labels.

    Args:
        task: The task.
        names: Names that the data set gives its values, from 0 on; None if it names none.

    Returns:
        Value in a mask -> label of the task (0 background, 255 void). A value that is not in it
        is an error in the data.

    Raises:
        InputError: If the data set names its values otherwise.
    """
    if names is not None and tuple(names[1:]) != task.names:
        raise InputError(
            f'the data set names its labels {list(names)}, but task {task.name!r} takes label 0 '
            f'for the background and 1 to {len(task.names)} for {list(task.names)}; name the '
            'classes of the task as the data set does, in its order (task.classes)'
        )
    return {**{label: label for label in range(len(task.names) + 1)}, VOID: VOID}


def labelled_classes(task: Task, step: int, setting: str) -> list[int]:
    """Classes that the training labels of a step show; all others are background.

    Args:
        task: The task.
        step: The step.
        setting: One of ``SETTINGS``; only in ``'sequential'`` are old classes labelled.

    Returns:
        Labels of the task.
    """
    return task.seen_classes(step) if setting == 'sequential' else task.new_classes(step)


def training_table(task: Task, step: int, visible: Iterable[int], protocol: Protocol) -> np.ndarray:
    """Table that maps the labels of a task to what the training of a step sees.

    Args:
        task: The task.
        step: The step, whose channels the classes get.
        visible: Classes that are shown: those of :func:`labelled_classes`, for a picture of the
            memory those of the steps that stored it.
        protocol: Decides on void.

    Returns:
        ``uint8`` array of shape (256,).
    """
    table = _channel_table(task, step, visible)
    table[VOID] = VOID if protocol.void == 'ignore' else 0
    return table


def label_table(
    task: Task, step: int, setting: str, protocol: Protocol, training: bool
) -> np.ndarray:
    """Table that maps the labels of a task to what a step sees.

    In training the step's classes get their channel and old classes are background (their
    channel in the ``'sequential'`` setting). In evaluation every class learnt so far gets its
    channel. Classes in no group are background.

    Args:
        task: The task.
        step: The step.
        setting: ``'overlapped'``, ``'disjoint'`` or ``'sequential'``.
        protocol: Decides on void in training and on future classes in evaluation.
        training: Whether the table is for training.

    Returns:
        ``uint8`` array of shape (256,).

    Example:
        >>> from mmseg_incremental.datasets import get_protocol
        >>> from mmseg_incremental.tasks import get_task
        >>> table = label_table(get_task('voc', '15-5'), 1, 'overlapped', get_protocol('mib'), True)
        >>> table[[0, 15, 16, 20, 255]].tolist()
        [0, 0, 16, 20, 0]
    """
    if training:
        return training_table(task, step, labelled_classes(task, step, setting), protocol)
    table = _channel_table(task, step, task.seen_classes(step))
    if protocol.future == 'ignore':
        table[task.future_classes(step)] = VOID
    return table


def table_of_values(table: np.ndarray, meaning: Mapping[int, int]) -> np.ndarray:
    """Turn a table of the task's labels into one of the values in the masks.

    Args:
        table: As :func:`label_table` gives it.
        meaning: As :func:`label_meaning` gives it.

    Returns:
        ``uint8`` array of shape (256,), 255 for values without a meaning.
    """
    values = np.full(256, VOID, dtype=np.uint8)
    values[list(meaning)] = table[list(meaning.values())]
    return values


def _channel_table(task: Task, step: int, visible: Iterable[int]) -> np.ndarray:
    table = np.full(256, VOID, dtype=np.uint8)
    table[: len(task.names) + 1] = 0
    channels = {label: channel for channel, label in enumerate(task.seen_classes(step), start=1)}
    for label in visible:
        table[label] = channels[label]
    return table
