"""Processes that end at any moment."""

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
from chaos.runs import assert_same, finish, log_of, quick_sequence, start_run
from chaos.session import DONE, REFUSED, wait

from mmseg_incremental.apis import plan_sequence

pytestmark = pytest.mark.chaos

LONGEST_CHAIN = 5


def disturb(process: int, rng: random.Random, seconds: float) -> bool:
    """Send a signal at a random moment, and tell whether it came in time."""
    end = time.monotonic() + rng.uniform(0, seconds)
    while time.monotonic() < end:
        found, _ = os.waitpid(process, os.WNOHANG)
        if found:
            return False
        time.sleep(0.002)
    kind = rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    os.kill(process, kind)
    wait(process)
    return True


def test_kill_storm(small: Path, reference: Path, tmp_path: Path, session) -> None:
    begin = time.monotonic()
    finish(small, tmp_path / 'timed')
    length = time.monotonic() - begin

    with session('kill storm', 0.4) as tries:

        def attempt(rng: random.Random) -> None:
            work_dir = tmp_path / f'killed_{tries.tries}'
            for _ in range(rng.randint(1, LONGEST_CHAIN)):
                killed = disturb(start_run(small, work_dir), rng, length)
                tries.count('kills', killed)
            finish(small, work_dir)
            assert_same(work_dir, reference)
            shutil.rmtree(work_dir)

        tries.attempt(attempt)


def ranks(small: Path, work_dir: Path, port: int) -> list[int]:
    """Two processes of one run."""
    processes = []
    for rank in range(2):
        os.environ.update(
            RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE='2', MASTER_ADDR='127.0.0.1',
            MASTER_PORT=str(port),
        )  # fmt: skip
        processes.append(start_run(small, work_dir, 'pytorch'))
    for name in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'):
        del os.environ[name]
    return processes


def test_one_killed_rank_of_two(small: Path, tmp_path: Path, session) -> None:
    whole, port = tmp_path / 'whole', 20000 + os.getpid() % 9000
    begin = time.monotonic()
    codes = [wait(process) for process in ranks(small, whole, port)]
    assert codes == [DONE, DONE], log_of(whole).read_text()[-2000:]
    length = time.monotonic() - begin

    with session('one killed rank of two', 0.08) as tries:

        def attempt(rng: random.Random) -> None:
            work_dir = tmp_path / f'rank_{tries.tries}'
            processes = ranks(small, work_dir, port + 2 * tries.tries)
            victim = rng.randrange(2)
            time.sleep(rng.uniform(0, length))
            os.kill(processes[victim], signal.SIGKILL)
            for process in processes:
                wait(process)
            again = ranks(small, work_dir, port + 2 * tries.tries + 1)
            codes = [wait(process) for process in again]
            assert codes == [DONE, DONE], f'{codes}: {log_of(work_dir).read_text()[-1500:]!r}'
            assert_same(work_dir, whole)
            shutil.rmtree(work_dir)

        tries.attempt(attempt)


def test_two_runs_in_one_work_dir(small: Path, reference: Path, tmp_path: Path, session) -> None:
    with session('two runs in one work dir', 0.08) as tries:

        def attempt(rng: random.Random) -> None:
            work_dir = tmp_path / f'both_{tries.tries}'
            processes = []
            for _ in range(2):
                processes.append(start_run(small, work_dir))
                time.sleep(rng.choice([0, rng.uniform(0, 2)]))
            codes = sorted(wait(process) for process in processes)
            assert codes in ([DONE, DONE], [DONE, REFUSED]), (
                f'{codes}: {log_of(work_dir).read_text()[-1500:]!r}'
            )
            finish(small, work_dir)
            assert_same(work_dir, reference)
            shutil.rmtree(work_dir)

        tries.attempt(attempt)


def test_full_disk(small: Path, reference: Path, tmp_path: Path, session) -> None:
    """A limit on the size of a file stands for it."""
    import resource

    largest = max(path.stat().st_size for path in reference.glob('*.pth'))
    with session('full disk', 0.08) as tries:

        def attempt(rng: random.Random) -> None:
            work_dir = tmp_path / f'full_{tries.tries}'
            limits = resource.getrlimit(resource.RLIMIT_FSIZE)
            size = round(largest ** rng.uniform(0.6, 1.05))
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
            try:
                code = wait(start_run(small, work_dir))
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            text = log_of(work_dir).read_text()
            assert code >= 0, f'killed by signal {-code}'
            assert 'Traceback' not in text or 'inline_container' in text, text[-1500:]
            log_of(work_dir).unlink()
            finish(small, work_dir)
            assert_same(work_dir, reference)
            shutil.rmtree(work_dir)

        tries.attempt(attempt)


def test_plan_of_the_reference_is_done(small: Path, reference: Path) -> None:
    """What the sessions compare with is a finished run of these very settings."""
    from mmseg_incremental.apis import RunOptions

    plans = plan_sequence(quick_sequence(small, reference), RunOptions((0, 1), resume=True))
    assert [(plan.done, plan.outdated) for plan in plans] == [(True, False)] * 2
