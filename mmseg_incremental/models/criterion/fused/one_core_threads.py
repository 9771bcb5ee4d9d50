"""Threads that each compute on one core.

Pieces are small, so that two threads within each operation wait for each other more than they
compute; two threads that each take a picture do not.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from threading import Barrier
from typing import TypeVar

import torch

T = TypeVar('T')
S = TypeVar('S')


def map_on_cores(function: Callable[[T], S], items: Iterable[T]) -> list[S]:
    """Apply a function to items, as many at a time as PyTorch may use cores.

    Args:
        function: Computes on the CPU, without gradient.
        items: Its arguments.

    Returns:
        The results, in order.
    """
    items = list(items)
    num_threads = torch.get_num_threads()
    if min(num_threads, len(items)) == 1:
        return [function(item) for item in items]
    return list(_threads(num_threads).map(torch.no_grad()(function), items))


@lru_cache(maxsize=1)
def _threads(number: int) -> ThreadPoolExecutor:
    pool = ThreadPoolExecutor(number, 'criterion', initializer=_use_one_core)
    barrier = Barrier(number)
    list(pool.map(lambda _: barrier.wait(), range(number)))
    # what a thread sets for itself is also what threads to come start with
    torch.set_num_threads(number)
    return pool


def _use_one_core() -> None:
    torch.get_num_threads()  # the first call in a thread would undo the next one
    torch.set_num_threads(1)
