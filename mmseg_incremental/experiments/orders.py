"""Random orders of learning: how much of a result is the order that a task happens to have?"""

import numpy as np

from ..tasks import Task


def order_options(task: Task, order: int) -> dict[str, object]:
    """Config entries that let a task learn its classes in a random order.

    Steps keep their sizes, and groups are reported by position, so that orders compare.

    Args:
        task: The task.
        order: Number of the order, which seeds its draw; 0 is the task's own.

    Returns:
        Entries by dotted key, none for order 0.

    Example:
        >>> task = Task('pets', '2-1', ('cat', 'dog', 'hen'), ((1, 2), (3,)))
        >>> order_options(task, 2)['task.groups']
        [[3, 1], [2]]
    """
    if not order:
        return {}
    drawn = iter(np.random.default_rng(order).permutation(task.class_order).tolist())
    groups = [[next(drawn) for _ in group] for group in task.groups]
    return {'task.groups': groups, 'task.class_order': None}
