"""What a label value of the data means, and which channel a step gives it."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..errors import InputError
from ..tasks import Task
from ..tasks.task import VOID
from ..utils.close_names import close_names
from .protocol import Protocol

_LABEL_KEYS = {'first', 'classes', 'background', 'void', 'unlabelled'}


def label_meaning(
    task: Task, names: Sequence[str] | None = None, labels: Mapping | None = None
) -> dict[int, int]:
    """What each label value of the data stands for.

    This is the only place that knows how data number their labels: 0 is the background, then come
    the classes in the order of ``task.names``, and 255 is void; without a background the classes
    begin at 0. Everything else works with the task's own labels.

    Args:
        task: The task.
        names: Names that the data set gives its values, from 0 on; None if it names none.
        labels: What differs from that, given once for a data set: ``first``, the value of the
            first class; or ``classes``, class name to value (or values), in its place, which may
            leave classes out; ``background`` (0 where no class is 0) and ``void`` (255 where no
            class is 255), values or lists of some; ``unlabelled``, values that mean that nobody
            has labelled the pixel.

    Returns:
        Value in a mask -> label of the task (0 background or unlabelled, 255 void). A value that
        is not in it is an error in the data.

    Raises:
        InputError: If the data set names its values otherwise, or a value is given two meanings.

    Example:
        >>> task = Task('streets', '1-1', ('sky', 'road'), ((1,), (2,)), background=False)
        >>> label_meaning(task, labels=dict(unlabelled=11))
        {0: 1, 1: 2, 11: 0, 255: 255}
    """
    first = 1 if task.background else 0
    if names is not None and not labels and tuple(names[first:]) != task.names:
        zero = 'label 0 for the background and 1 to' if first else 'labels 0 to'
        raise InputError(
            f'the data set names its labels {list(names)}, but task {task.name!r} takes {zero} '
            f'{len(task.names) - 1 + first} for {list(task.names)}; name the '
            'classes of the task as the data set does, in its order (task.classes)'
        )
    labels = dict(labels or {})
    if unknown := sorted(set(labels) - _LABEL_KEYS):
        raise InputError(f'labels has unknown keys {unknown}; known are {sorted(_LABEL_KEYS)}')
    if labels.get('classes') is not None and labels.get('first') is not None:
        raise InputError('labels takes first or classes, not both')
    meaning: dict[int, int] = {}
    for name, values in _class_values(task, labels, first).items():
        _add(meaning, values, task.names.index(name) + 1, task)
    for key, value, label in (('background', 0, 0), ('void', VOID, VOID)):
        if key == 'background' and not task.background and key in labels:
            raise InputError(f'labels.background: task {task.name!r} has no background')
        default = value if value not in meaning and (label or task.background) else ()
        _add(meaning, labels.get(key, default), label, task)
    # where there is a background, nobody knows whether an unlabelled pixel is a part of it
    _add(meaning, labels.get('unlabelled', ()), VOID if task.background else 0, task)
    return dict(sorted(meaning.items()))


def _class_values(task: Task, labels: Mapping, first: int) -> dict[str, object]:
    """Class name to its value or values."""
    given = labels.get('classes')
    if given is None:
        first = first if labels.get('first') is None else labels['first']
        return {name: first + place for place, name in enumerate(task.names)}
    if unknown := sorted(set(given) - set(task.names)):
        raise InputError(
            f'labels.classes names {unknown[0]!r}, which task {task.name!r} lacks; '
            f'{close_names(unknown[0], task.names)}'
        )
    return dict(given)


def _add(meaning: dict[int, int], values: object, label: int, task: Task) -> None:
    for value in values if isinstance(values, list | tuple) else [values]:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= VOID:
            raise InputError(f'labels: a value is a whole number from 0 to {VOID}, not {value!r}')
        if meaning.get(value, label) != label:
            names = [_label_name(task, other) for other in (meaning[value], label)]
            raise InputError(f'labels: value {value} means {names[0]} and {names[1]}')
        meaning[value] = label


def _label_name(task: Task, label: int) -> str:
    return 'void' if label == VOID else repr(task.label_names[label])


def labelled_classes(task: Task, step: int, setting: str) -> list[int]:
    """Classes that the training labels of a step show; all others are background, if there is one.

    Args:
        task: The task.
        step: The step.
        setting: One of ``SETTINGS``; only in ``'sequential'`` are old classes labelled.

    Returns:
        Labels of the task.
    """
    return task.seen_classes(step) if setting == 'sequential' else task.new_classes(step)


def training_table(
    task: Task, step: int, visible: Iterable[int], protocol: Protocol, any_old: bool = False
) -> np.ndarray:
    """Table that maps the labels of a task to what the training of a step sees.

    What is not shown is background. Where there is none it is ignored at step 0; later it may be
    any old class, and it is ignored unless what learns from the labels takes 0 for that.

    Args:
        task: The task.
        step: The step, whose channels the classes get.
        visible: Classes that are shown: those of :func:`labelled_classes`, for a picture of the
            memory those of the steps that stored it.
        protocol: Decides on void.
        any_old: Whether label 0 of a later step stands for any old class, in a task without a
            background.

    Returns:
        ``uint8`` array of shape (256,).
    """
    other = 0 if task.background or (step and any_old) else VOID
    table = _channel_table(task, step, visible, other)
    table[VOID] = VOID if protocol.void == 'ignore' else other
    return table


def label_table(
    task: Task,
    step: int,
    setting: str,
    protocol: Protocol,
    training: bool,
    any_old: bool = False,
) -> np.ndarray:
    """Table that maps the labels of a task to what a step sees.

    In training the step's classes get their channel and old classes are background (their
    channel in the ``'sequential'`` setting). In evaluation every class learnt so far gets its
    channel. Classes in no group are background. In a task without a background what would be
    background is ignored in evaluation, and in training as :func:`training_table` says.

    Args:
        task: The task.
        step: The step.
        setting: ``'overlapped'``, ``'disjoint'`` or ``'sequential'``.
        protocol: Decides on void in training and on future classes in evaluation.
        training: Whether the table is for training.
        any_old: As for :func:`training_table`; in evaluation, whether what would be background
            counts as 0, which is some old class.

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
        visible = labelled_classes(task, step, setting)
        # where old classes are labelled, what is not labelled is none of them
        any_old = any_old and setting != 'sequential'
        return training_table(task, step, visible, protocol, any_old)
    other = 0 if task.background or any_old else VOID
    table = _channel_table(task, step, task.seen_classes(step), other)
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


def _channel_table(task: Task, step: int, visible: Iterable[int], other: int) -> np.ndarray:
    table = np.full(256, VOID, dtype=np.uint8)
    table[: len(task.names) + 1] = other
    channels = {label: channel for channel, label in enumerate(task.channel_labels(step))}
    for label in visible:
        table[label] = channels[label]
    return table
