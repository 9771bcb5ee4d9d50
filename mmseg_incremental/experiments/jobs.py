"""Trainings as processes of their own, some at a time; one that fails leaves the others alone."""

import ctypes
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch

from ..engine.progress_file import read_progress
from ..sequence.work_dir import WorkDir
from .progress import SweepProgress, describe, iterations_done

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux
_SECONDS_BETWEEN_LOOKS = 1.0


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


def run_jobs(
    jobs: Sequence[Job], at_once: int, device: str | None, progress: SweepProgress
) -> dict[str, str]:
    """Run every job to its end.

    Args:
        jobs: The jobs; their names differ, and one comes behind the job that it waits for.
        at_once: How many run at a time.
        device: ``'cpu'``, ``'cuda'``, ``'cuda:N'`` or None for what is there; where there are
            several GPUs, jobs take turns on them.
        progress: Where to tell how far they are.

    Returns:
        Name to what went wrong, of the jobs that failed.

    Raises:
        KeyboardInterrupt: After all running jobs have been stopped.
    """
    slots: queue.SimpleQueue = queue.SimpleQueue()
    for slot in range(at_once):
        slots.put(_environment(slot, at_once, device))
    running: set[subprocess.Popen] = set()

    futures: dict[str, Future] = {}

    def work(job: Job) -> str | None:
        """Run a job in a free slot; say why it failed."""
        # what it waits for was submitted earlier, so it runs or is done
        if job.after and (failure := futures[job.after].result()):
            return f'{job.after} failed: {failure}'
        environment = slots.get()
        try:
            return _run(job, environment, progress, running)
        finally:
            slots.put(environment)

    with ThreadPoolExecutor(at_once) as pool:
        for job in jobs:
            futures[job.name] = pool.submit(work, job)
        try:
            failures = {name: future.result() for name, future in futures.items()}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                process.terminate()
            raise
    return {name: failure for name, failure in failures.items() if failure is not None}


def _run(
    job: Job,
    environment: Mapping[str, str],
    progress: SweepProgress,
    running: set[subprocess.Popen],
) -> str | None:
    number = progress.begin(job.name, sum(job.iters.values()))
    job.work_dir.path.mkdir(parents=True, exist_ok=True)
    job.work_dir.progress.unlink(missing_ok=True)  # of an earlier run
    with job.log.open('ab') as log:
        start = log.tell()
        with _started(job, environment, log, running) as process:
            while _runs(process, _SECONDS_BETWEEN_LOOKS):
                if now := read_progress(job.work_dir.progress):
                    done = iterations_done(job.iters, now)
                    progress.advance(number, job.name, done, describe(now))
    code = process.returncode
    failure = None
    if code != 0:
        failure = f'{_last_line(job.log, start) or f"exit status {code}"} (log: {job.log})'
    outcome = 'done' if failure is None else 'stopped' if code < 0 else 'FAILED'
    progress.end(number, f'{outcome}: {job.name}')
    return failure


def _runs(process: subprocess.Popen, seconds: float) -> bool:
    """Whether a process still runs; waits some seconds for its end."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def _last_line(path: Path, start: int) -> str:
    """The last line that says something, from a place in a log on."""
    with path.open('rb') as log:
        log.seek(start)
        text = log.read().decode('utf-8', errors='replace')
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), '')


@contextmanager
def _started(
    job: Job, environment: Mapping[str, str], log: BinaryIO, running: set[subprocess.Popen]
) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(
        job.command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environment, 'PYTHONUNBUFFERED': '1'},
        preexec_fn=_end_with_parent if sys.platform == 'linux' else None,
    )
    running.add(process)
    try:
        yield process
    finally:
        process.wait()
        running.discard(process)


def _end_with_parent() -> None:
    """A training whose sweep was killed would go on unseen beside the next one."""
    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGTERM)


def _environment(slot: int, at_once: int, device: str | None) -> dict[str, str]:
    """Environment of the jobs in a slot: their GPU, or their share of the cores."""
    if device == 'cpu' or not torch.cuda.is_available():
        environment = {'CUDA_VISIBLE_DEVICES': ''}
        if 'OMP_NUM_THREADS' not in os.environ:
            # more threads than cores slow small models down several times
            environment['OMP_NUM_THREADS'] = str(max((os.cpu_count() or 1) // at_once, 1))
        return environment
    visible = os.environ.get('CUDA_VISIBLE_DEVICES')
    gpus = visible.split(',') if visible else [str(n) for n in range(torch.cuda.device_count())]
    chosen = int(device.split(':')[1]) if device and ':' in device else slot % len(gpus)
    return {'CUDA_VISIBLE_DEVICES': gpus[chosen]}
