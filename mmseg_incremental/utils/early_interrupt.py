"""An interrupt while a command still imports what it needs is one line; imported first.

Imports take seconds, and within some of them an interrupt comes out as another error, or as none.
"""

import os
import signal
import sys
from types import FrameType


def _end(number: int, frame: FrameType | None) -> None:
    sys.stderr.write('interrupted\n')
    sys.stderr.flush()
    os._exit(128 + number)


def interrupts_are_errors() -> None:
    """Let interrupts be errors again, once everything is imported."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


# a process in the background may be told to ignore interrupts
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _end)
