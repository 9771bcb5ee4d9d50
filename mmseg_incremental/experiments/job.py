"""A training among many, and the places where it can run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..sequence.work_dir import WorkDir


@dataclass(frozen=True)
class Job:
    """A training and what is known of it beforehand.

    Args:
        name: What progress lines call it.
        command: Program and arguments.
        work_dir: Folder of the sequence that it trains.
        iters: Iterations of each step that it will train, by step.
        after: Name of an earlier job that must have succeeded.
    """

    name: str
    command: Sequence[str]
    work_dir: WorkDir
    iters: Mapping[int, int]
    after: str | None = None

    @property
    def log(self) -> Path:
        """File that its output is appended to."""
        return self.work_dir.path / 'train.log'


class RunningJob(Protocol):
    """A job that was started."""

    def exit_status(self, seconds: float) -> int | None:
        """Exit status, or None if it still runs after some seconds."""

    def stop(self) -> None:
        """Ask it to end; its training can be resumed."""


class Place(Protocol):
    """Where jobs run."""

    def start(self, job: Job, slot: int, at_once: int) -> RunningJob:
        """Start a job.

        Args:
            job: The job; its output is appended to its log.
            slot: Which of the jobs that run at a time it is, from 0.
            at_once: How many run at a time.
        """
