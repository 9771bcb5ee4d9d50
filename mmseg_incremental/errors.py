"""The error that a user can mend, and how others become one."""

from collections.abc import Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """A config, a file or data cannot be used; the message says what, where and how to mend it."""


def reason_of(error: BaseException) -> str:
    """Kind and first line of an error."""
    return f'{type(error).__name__}: {str(error).strip()}'.split('\n')[0].removesuffix(': ')


@contextmanager
def told_as(what: str) -> Iterator[None]:
    """Turn whatever a wrong value does to the code that meets it into an :class:`InputError`.

    Args:
        what: Which entry it is and what could not be done with it.

    Raises:
        InputError: In place of any other exception.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f'{what} ({reason_of(error)})') from error
