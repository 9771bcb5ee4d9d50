"""Many jobs, some at a time; one that fails leaves the others alone."""

import queue
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from ..engine.progress_file import read_progress
from .job import Job, Place, RunningJob
from .progress import SweepProgress, describe, iterations_done

_SECONDS_BETWEEN_LOOKS = 1.0


def run_jobs(
    jobs: Sequence[Job], at_once: int, place: Place, progress: SweepProgress
) -> dict[str, str]:
    """Run every job to its end.

    Args:
        jobs: The jobs; their names differ, and one comes behind the job that it waits for.
        at_once: How many run at a time.
        place: Where they run.
        progress: Where to tell how far they are.

    Returns:
        Name to what went wrong, of the jobs that failed.

    Raises:
        KeyboardInterrupt: After all running jobs have been stopped.
    """
    slots: queue.SimpleQueue = queue.SimpleQueue()
    for slot in range(at_once):
        slots.put(slot)
    running: set[RunningJob] = set()

    futures: dict[str, Future] = {}

    def work(job: Job) -> str | None:
        """Run a job in a free slot; say why it failed."""
        # what it waits for was submitted earlier, so it runs or is done
        if job.after and (failure := futures[job.after].result()):
            return f'{job.after} failed: {failure}'
        slot = slots.get()
        try:
            return _run(job, place, (slot, at_once), progress, running)
        finally:
            slots.put(slot)

    with ThreadPoolExecutor(at_once) as pool:
        for job in jobs:
            futures[job.name] = pool.submit(work, job)
        try:
            failures = {name: future.result() for name, future in futures.items()}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for started in list(running):
                started.stop()
            raise
    return {name: failure for name, failure in failures.items() if failure is not None}


def _run(
    job: Job,
    place: Place,
    slot: tuple[int, int],
    progress: SweepProgress,
    running: set[RunningJob],
) -> str | None:
    number = progress.begin(job.name, sum(job.iters.values()))
    job.work_dir.path.mkdir(parents=True, exist_ok=True)
    job.work_dir.progress.unlink(missing_ok=True)  # of an earlier run
    job.log.touch()
    start = job.log.stat().st_size
    started = place.start(job, *slot)
    running.add(started)
    try:
        while (code := started.exit_status(_SECONDS_BETWEEN_LOOKS)) is None:
            if now := read_progress(job.work_dir.progress):
                done = iterations_done(job.iters, now)
                progress.advance(number, job.name, done, describe(now))
    finally:
        running.discard(started)
    failure = None
    if code != 0:
        failure = f'{_last_line(job.log, start) or f"exit status {code}"} (log: {job.log})'
    outcome = 'done' if failure is None else 'stopped' if code < 0 else 'FAILED'
    progress.end(number, f'{outcome}: {job.name}')
    return failure


def _last_line(path: Path, start: int) -> str:
    """The last line that says something, from a place in a log on."""
    with path.open('rb') as log:
        log.seek(start)
        text = log.read().decode('utf-8', errors='replace')
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), '')
