"""Tries of one kind until the time is over, told with their seed and their number."""

import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from mmseg_incremental.errors import InputError

#: Seconds of the whole session, and the seed that repeats it.
SECONDS = float(os.environ.get('CHAOS_SECONDS', '60'))
SEED = int(os.environ.get('CHAOS_SEED', random.SystemRandom().randrange(2**31)))

DONE, TRACEBACK, REFUSED, SYSTEM, INTERRUPTED = 0, 1, 2, 3, 4


class Session:
    """Counts tries and keeps what went wrong.

    Args:
        name: What is tried.
        share: Part of the whole time that it may take.
    """

    def __init__(self, name: str, share: float) -> None:
        self.name = name
        self.seconds = SECONDS * share
        self.tries = 0
        self.counts: dict[str, int] = {}
        self.failures: list[str] = []

    def generators(self) -> Iterator[random.Random]:
        """A generator of random numbers for each try, at least one."""
        end = time.monotonic() + self.seconds
        while self.tries == 0 or time.monotonic() < end:
            self.tries += 1
            yield random.Random(f'{SEED} {self.name} {self.tries}')

    def attempt(self, what: Callable[[random.Random], None]) -> None:
        """Try something until the time is over; whatever it raises is a failure."""
        for rng in self.generators():
            try:
                what(rng)
            except Exception as error:
                reason = str(error).strip().split('\n')[0]
                place = traceback.extract_tb(error.__traceback__)[-1]
                self.failures.append(
                    f'try {self.tries}: {type(error).__name__} in {place.name}: {reason[:400]}'
                )

    def count(self, what: str, number: int = 1) -> None:
        """Count something beside the tries."""
        self.counts[what] = self.counts.get(what, 0) + number

    def report(self) -> str:
        """The line that is printed."""
        failed = len(self.failures)
        more = ''.join(f', {number} {what}' for what, number in sorted(self.counts.items()))
        return (
            f'{self.name}: {self.tries} tries, {self.tries - failed} passed, {failed} failed'
            f'{more} (CHAOS_SEED={SEED})'
        )


def start(function: Callable[[], object], log: Path) -> int:
    """Run a function in a forked process, which has everything imported.

    Args:
        function: The function.
        log: File that what it prints is added to.

    Returns:
        The process; it exits with one of the codes above.
    """
    process = os.fork()
    if process:
        return process
    code = TRACEBACK
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.stdout = sys.stderr = log.open('a')
        function()
        code = DONE
    except InputError as error:
        print(f'error: {error}')
        code = REFUSED
    except OSError as error:
        print(f'error: {error}')
        code = SYSTEM
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def wait(process: int, seconds: float = 240.0) -> int:
    """Exit code of a process; minus the signal that ended it.

    Raises:
        TimeoutError: If it does not end; it is killed.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    raise TimeoutError(f'a process did not end in {seconds} seconds')
