"""Bars with the time that is left, in a terminal; elsewhere nothing is shown."""

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

T = TypeVar('T')


@contextmanager
def progress_bar(title: str, total: int, shown: bool = True) -> Iterator[Callable[[], None]]:
    """Show a bar on standard error, until the body ends.

    Args:
        title: What is being done.
        total: How many steps it takes.
        shown: False for a process that is not to speak.

    Yields:
        What is called after each of them.
    """
    console = Console(stderr=True)
    columns = TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    disable = not (shown and console.is_terminal)
    with Progress(*columns, console=console, transient=True, disable=disable) as progress:
        task = progress.add_task(title, total=total)
        yield lambda: progress.advance(task)


def tracked(
    items: Iterable[T], title: str, total: int | None = None, shown: bool = True
) -> Iterator[T]:
    """Yield items, with a bar of how many were.

    Args:
        items: The items.
        title: What is being done.
        total: How many there are, where ``items`` does not know.
        shown: False for a process that is not to speak.
    """
    number = len(items) if total is None and isinstance(items, Sized) else total
    with progress_bar(title, number, shown) as advance:
        for item in items:
            yield item
            advance()
