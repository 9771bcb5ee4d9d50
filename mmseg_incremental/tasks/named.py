"""Tasks by name: the grammar of the field and a user's own groups."""

import operator
import re
from collections.abc import Mapping, Sequence

from ..errors import InputError
from .class_names import class_names
from .task import Task

_EXAMPLES = "'15-5', '15-5s' (or '15-1'), '19-1', '10-10', '10-5', '10-1', '5-3', 'offline'"


def get_task(
    dataset: str,
    name: str,
    class_order: Sequence[int | str] | None = None,
    *,
    classes: Sequence[str] | None = None,
    base: int = 0,
) -> Task:
    """Build a task from its name.

    Args:
        dataset: Name of the data set, such as ``'voc'``.
        name: ``'offline'`` (all classes at once), ``'B-I'`` (B base classes, then I at a time)
            or ``'B-Rs'`` (B base classes, then the remaining R one at a time).
        class_order: Classes (labels or names) in the order in which they are learnt.
            Defaults to the order of the data set.
        classes: Class names of the data set, background left out. Needed only for a data set
            that is not known by name.
        base: Number of classes in the first reported group; see :class:`Task`.

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
    labels = [_label(entry, names, dataset) for entry in order]
    sizes = _step_sizes(name, len(labels))
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    groups = tuple(tuple(labels[end - size : end]) for size, end in zip(sizes, ends, strict=True))
    return Task(dataset, name, names, groups, base)


def build_task(spec: Task | Mapping) -> Task:
    """Build a task from a config's ``task`` entry.

    Args:
        spec: A task, or ``dict(dataset=, name=)`` with optional ``class_order``, ``classes``
            and ``base`` for :func:`get_task`, or with ``groups`` (lists of labels or class
            names) for a task of your own.

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
    known = {'dataset', 'name', 'groups', 'class_order', 'classes', 'base'}
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
    return Task(dataset, spec['name'], names, labels, spec.get('base', 0))


def _label(entry: int | str, names: tuple[str, ...], dataset: str) -> int:
    if isinstance(entry, str):
        if entry not in names:
            raise InputError(f'data set {dataset!r} lacks class {entry!r}; it has {list(names)}')
        return names.index(entry) + 1
    try:
        return operator.index(entry)
    except TypeError:
        raise InputError(f'a class is a name or a whole number, not {entry!r}') from None


def _step_sizes(name: str, num_classes: int) -> list[int]:
    """Number of classes of each step of a named task."""
    if name == 'offline':
        return [num_classes]
    match = re.fullmatch(r'(\d+)-(\d+)(s?)', str(name))
    if match is None:
        raise InputError(
            f'unknown task {name!r}; tasks are named B-I, such as {_EXAMPLES}, '
            'or given by groups=[[...], [...]]'
        )
    base, increment = int(match[1]), int(match[2])
    rest = num_classes - base
    if match[3]:
        if base == 0 or increment == 0 or rest != increment:
            raise InputError(
                f'task {name!r} needs {base} + {increment} classes, but there are {num_classes}'
            )
        return [base] + [1] * rest
    if base == 0 or increment == 0 or rest <= 0 or rest % increment:
        raise InputError(
            f'task {name!r} does not fit {num_classes} classes: {base} base classes must leave '
            f'a multiple of {increment} (and neither may be 0)'
        )
    return [base] + [increment] * (rest // increment)
