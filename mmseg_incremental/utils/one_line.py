"""How a command ends when something is wrong: in one line."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import InputError
from .early_interrupt import interrupts_are_errors

_WRITER = 'PytorchStreamWriter', 'inline_container'


@contextmanager
def one_line_errors(interrupted: str = 'interrupted') -> Iterator[None]:
    """End the process with one line for what a user can mend; anything else is a bug.

    These are wrong input, files and folders that the system does not let us read or write, a disk
    that is full, and an interrupt. Of several processes the main one speaks.

    Args:
        interrupted: What to say at an interrupt.

    Raises:
        SystemExit: In place of such an error.
    """
    interrupts_are_errors()
    try:
        yield
    except InputError as error:
        reason = str(error)
    except OSError as error:
        reason = str(error)
    except RuntimeError as error:
        # PyTorch's writer does not tell what the system said
        if not any(name in str(error) for name in _WRITER):
            raise
        reason = f'a checkpoint could not be written; is the disk full? ({_first_line(error)})'
    except KeyboardInterrupt:
        sys.exit(interrupted)
    else:
        return
    sys.exit(f'error: {reason}' if _speaks() else 1)


def _speaks() -> bool:
    """Whether this is the main process; one without MMEngine has joined no others."""
    dist = sys.modules.get('mmengine.dist')
    return dist is None or dist.is_main_process()


def _first_line(error: Exception) -> str:
    return str(error).strip().split('\n')[0]
