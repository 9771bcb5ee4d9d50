"""Progress and time left of many trainings."""

import re
import threading
import time
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

_ITERATION = re.compile(r'Iter\(train\)\s*\[\s*(\d+)/\d+\]')
_STEP = re.compile(r'^step (\d+): (.*)')
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


class JobOutput:
    """What a training's output says about where it stands.

    Args:
        iters: Iterations of each step that it will train, by step.
    """

    def __init__(self, iters: dict[int, int]) -> None:
        self.iters = iters
        self.done = 0
        self.state = 'starting'
        self._step: int | None = None
        self._before = 0

    def read(self, line: str) -> bool:
        """Take a line; return whether it told anything."""
        if found := _STEP.match(line):
            step = int(found[1])
            if step != self._step and self._step in self.iters:
                self._before += self.iters[self._step]
            self._step = step
            self.state = f'step {step}, {found[2].split(" ")[0]}'
            if found[2].startswith('evaluating') and step in self.iters:
                self.done = self._before + self.iters[step]
            return True
        if (found := _ITERATION.search(line)) and self._step in self.iters:
            iteration = int(found[1])
            self.done = self._before + min(iteration, self.iters[self._step])
            self.state = f'step {self._step}, {iteration}/{self.iters[self._step]}'
            return True
        return False
