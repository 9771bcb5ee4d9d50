"""Tasks by name: the grammar of the field and a user's own groups."""

import operator
import re
from collections.abc import Mapping, Sequence

from ..errors import InputError
from .class_names import WITHOUT_BACKGROUND, class_names
from .class_orders import class_order as published_order
from .task import Task

_EXAMPLES = "'15-5', '15-5s' (or '15-1'), '19-1', '10-10', '10-5', '10-1', '5-3', 'offline'"


def get_task(
    dataset: str,
    name: str,
    class_order: Sequence[int | str] | str | None = None,
    *,
    classes: Sequence[str] | None = None,
    base: int = 0,
    background: bool | None = None,
) -> Task:
    """Build a task from its name.

    Args:
        dataset: Name of the data set, such as ``'voc'``.
        name: ``'offline'`` (all classes at once), ``'B-I'`` (B base classes, then I at a time),
            ``'B-Rs'`` (B base classes, then the remaining R one at a time) or the sizes of all
            steps, such as ``'6-3-2'``.
        class_order: Classes (labels or names) in the order in which they are learnt; a task of
            some of the classes leaves the others out. Or the name of a published order, see
            :func:`~.class_orders.class_order`. Defaults to the order of the data set.
        classes: Class names of the data set, background left out. Needed only for a data set
            that is not known by name.
        base: Number of classes in the first reported group; see :class:`Task`.
        background: Whether the data have a background. Defaults to what is known of the data set,
            and to True.

    Returns:
        The task.

    Raises:
        InputError: If the name does not fit the classes, or the classes are refused by
            :class:`Task`.

    Example:
        >>> get_task('voc', '15-5s').groups[1:]
        ((16,), (17,), (18,), (19,), (20,))
        >>> get_task('shapes', '4-2', class_order=[6, 5, 4, 3, 2, 1]).groups
        ((6, 5, 4, 3), (2, 1))
    """
    names = tuple(classes) if classes is not None else class_names(dataset)
    order = range(1, len(names) + 1) if class_order is None else class_order
    if isinstance(order, str):
        order = published_order(dataset, order)
    labels = [_label(entry, names, dataset) for entry in order]
    left_out = [known for label, known in enumerate(names, 1) if label not in labels]
    sizes = _step_sizes(name, len(labels), left_out)
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    groups = tuple(tuple(labels[end - size : end]) for size, end in zip(sizes, ends, strict=True))
    return Task(dataset, name, names, groups, base, _has_background(dataset, background))


def build_task(spec: Task | Mapping) -> Task:
    """Build a task from a config's ``task`` entry.

    Args:
        spec: A task, or ``dict(dataset=, name=)`` with optional ``class_order``, ``classes``,
            ``base`` and ``background`` for :func:`get_task`, or with ``groups`` (lists of labels
            or class names) for a task of your own.

    Returns:
        The task.

    Raises:
        InputError: If a key is unknown or missing, or the classes are refused.

    Example:
        >>> build_task(dict(dataset='voc', name='pets', groups=[['cat', 'dog'], ['cow']])).groups
        ((8, 12), (10,))
    """
    if isinstance(spec, Task):
        return spec
    if not isinstance(spec, Mapping):
        raise InputError(
            f"task must be a dict such as dict(dataset='voc', name='15-5'), got {spec!r}"
        )
    known = {'dataset', 'name', 'groups', 'class_order', 'classes', 'base', 'background'}
    if unknown := sorted(set(spec) - known):
        raise InputError(f'task has unknown keys {unknown}; known are {sorted(known)}')
    if missing := sorted({'dataset', 'name'} - set(spec)):
        raise InputError(f'task lacks {missing}')
    if 'groups' not in spec:
        return get_task(**spec)
    if spec.get('class_order') is not None:
        raise InputError('task takes groups or class_order, not both: groups are the order')
    groups = spec['groups']
    if not isinstance(groups, list | tuple) or not all(
        isinstance(group, list | tuple) for group in groups
    ):
        raise InputError(f'groups is a list of lists of classes, got {groups!r}')
    dataset = spec['dataset']
    names = tuple(spec.get('classes') or class_names(dataset))
    labels = tuple(tuple(_label(entry, names, dataset) for entry in group) for group in groups)
    background = _has_background(dataset, spec.get('background'))
    return Task(dataset, spec['name'], names, labels, spec.get('base', 0), background)


def _has_background(dataset: str, given: bool | None) -> bool:
    return dataset not in WITHOUT_BACKGROUND if given is None else given


def _label(entry: int | str, names: tuple[str, ...], dataset: str) -> int:
    if isinstance(entry, str):
        if entry not in names:
            raise InputError(f'data set {dataset!r} lacks class {entry!r}; it has {list(names)}')
        return names.index(entry) + 1
    try:
        return operator.index(entry)
    except TypeError:
        raise InputError(f'a class is a name or a whole number, not {entry!r}') from None


def _step_sizes(name: str, num_classes: int, left_out: Sequence[str]) -> list[int]:
    """Number of classes of each step of a named task."""
    if name == 'offline':
        return [num_classes]
    rest_of_list = f' (class_order leaves out {", ".join(left_out)})' if left_out else ''
    if re.fullmatch(r'\d+(-\d+){2,}', str(name)):
        sizes = [int(size) for size in name.split('-')]
        if 0 in sizes or sum(sizes) != num_classes:
            raise InputError(
                f'task {name!r} needs {sum(sizes)} classes, at least one at every step, but there '
                f'are {num_classes}{rest_of_list}'
            )
        return sizes
    match = re.fullmatch(r'(\d+)-(\d+)(s?)', str(name))
    if match is None:
        raise InputError(
            f'unknown task {name!r}; tasks are named B-I, such as {_EXAMPLES}, by the sizes of '
            "all steps, such as '6-3-2', or given by groups=[[...], [...]]"
        )
    base, increment = int(match[1]), int(match[2])
    rest = num_classes - base
    if match[3]:
        if base == 0 or increment == 0 or rest != increment:
            raise InputError(
                f'task {name!r} needs {base} + {increment} classes, but there are {num_classes}'
                f'{rest_of_list}'
            )
        return [base] + [1] * rest
    if base == 0 or increment == 0 or rest <= 0 or rest % increment:
        raise InputError(
            f'task {name!r} does not fit {num_classes} classes: {base} base classes must leave '
            f'a multiple of {increment} (and neither may be 0){rest_of_list}'
        )
    return [base] + [increment] * (rest // increment)
