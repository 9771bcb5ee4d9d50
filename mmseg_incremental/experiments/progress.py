"""Progress and time left of many trainings."""

import threading
import time
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from ..engine.progress_file import SequenceProgress

_SPEED_OVER_SECONDS = 600
_LINE_EVERY_SECONDS = 60


class SweepProgress:
    """Bars in a terminal, a line now and then elsewhere; iterations are the measure.

    Args:
        console: Where to print.
        total: Iterations that are left over all jobs.
    """

    def __init__(self, console: Console, total: int) -> None:
        self.console = console
        self._bars = Progress(
            TextColumn('{task.description}'),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
            disable=not console.is_terminal,
            speed_estimate_period=_SPEED_OVER_SECONDS,
        )
        self._all = self._bars.add_task('all', total=total)
        self._lock = threading.Lock()
        self._printed = time.monotonic()

    def __enter__(self) -> 'SweepProgress':
        self._bars.start()
        return self

    def __exit__(self, kind: type | None, error: Exception | None, trace: TracebackType) -> None:
        self._bars.stop()

    def begin(self, name: str, total: int) -> TaskID:
        """Add a job of so many iterations and return its number."""
        self.console.print(f'begun: {name} ({total} iterations)', soft_wrap=True)
        return self._bars.add_task(name, total=total)

    def end(self, number: TaskID, text: str) -> None:
        """Remove a job; iterations that it did not do are no longer expected."""
        with self._lock:
            job = self._bars.tasks[self._bars.task_ids.index(number)]
            self._bars.advance(self._all, job.remaining or 0)
            self._bars.remove_task(number)
        self.console.print(f'{text} ({self.summary()})', soft_wrap=True)

    def advance(self, number: TaskID, name: str, done: int, state: str) -> None:
        """Tell how many iterations of a job are done, and what it is doing."""
        with self._lock:
            job = self._bars.tasks[self._bars.task_ids.index(number)]
            self._bars.advance(self._all, max(done - job.completed, 0))
            self._bars.update(number, completed=done, description=f'{name}: {state}')
            silent = time.monotonic() - self._printed < _LINE_EVERY_SECONDS
            if self.console.is_terminal or silent:
                return
            self._printed = time.monotonic()
        self.console.print(f'{name}: {state}; {self.summary()}', soft_wrap=True)

    def summary(self) -> str:
        """Share done and time left over all jobs."""
        job = self._bars.tasks[self._bars.task_ids.index(self._all)]
        left = job.time_remaining
        text = f'{job.percentage:.0f} % of all iterations'
        return text if left is None else f'{text}, about {max(round(left / 60), 1)} min left'


def iterations_done(iters: Mapping[int, int], progress: SequenceProgress) -> int:
    """Iterations of a job that are done.

    Args:
        iters: Iterations of each step that the job trains, by step; steps that it finds done or
            takes from elsewhere are not among them.
        progress: Where the job's sequence stands.
    """
    before = sum(number for step, number in iters.items() if step < progress.step)
    return before + min(progress.iteration, iters.get(progress.step, 0))


def describe(progress: SequenceProgress) -> str:
    """What a job is doing, in a few words."""
    if progress.state == 'training':
        return f'step {progress.step}, {progress.iteration}/{progress.iterations}'
    return f'step {progress.step}, {progress.state}'
