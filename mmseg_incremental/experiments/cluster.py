"""Jobs on a Slurm cluster, through submitit."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError
from .job import Job


@dataclass(frozen=True)
class Cluster:
    """Jobs that submitit hands to a cluster; a preempted training is queued again and resumes.

    Args:
        kind: ``'slurm'``, or ``'local'`` and ``'debug'`` of submitit, which need no cluster.
        parameters: What submitit's executor takes, such as ``timeout_min`` and
            ``slurm_partition``.

    Raises:
        InputError: If submitit is missing, or takes no such parameter.
    """

    kind: str
    parameters: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            import submitit
        except ImportError as error:
            raise InputError(
                f"--executor {self.kind} needs submitit: pip install 'mmseg-incremental[slurm]'"
            ) from error
        try:
            self._executor(submitit, Path('.'))
        except (RuntimeError, NameError, ValueError, TypeError) as error:
            raise InputError(f'--executor {self.kind} cannot be used: {error}') from error

    def _executor(self, submitit: Any, folder: Path) -> Any:
        executor = submitit.AutoExecutor(folder, cluster=self.kind)
        executor.update_parameters(**self.parameters)
        return executor

    def start(self, job: Job, slot: int, at_once: int) -> '_Submitted':
        """Submit a job, see :class:`~.job.Place`; the cluster gives it its devices."""
        import submitit

        executor = self._executor(submitit, job.work_dir.path / 'submitit')
        executor.update_parameters(name=job.name[:60])
        return _Submitted(executor.submit(Training(list(job.command), str(job.log))))


@dataclass(frozen=True)
class Training:
    """A command as submitit calls it on the machine that it is given.

    Args:
        command: Program and arguments; it resumes what it finds.
        log: File that its output is appended to.
    """

    command: Sequence[str]
    log: str

    def __call__(self) -> int:
        """Run the command.

        Returns:
            Its exit status.
        """
        with open(self.log, 'ab') as log:
            done = subprocess.run(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        return done.returncode

    def checkpoint(self) -> Any:
        """What is queued again when the cluster takes the machine away: the same command."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass(frozen=True)
class _Submitted:
    job: Any

    def exit_status(self, seconds: float) -> int | None:
        """See :class:`~mmseg_incremental.experiments.job.RunningJob`."""
        from submitit.core.utils import UncompletedJobError

        time.sleep(seconds)
        if not self.job.done():
            return None
        try:
            return self.job.result()
        except UncompletedJobError:
            return 1

    def stop(self) -> None:
        self.job.cancel()
