"""Trainings as processes, in whose place a script writes progress and says something."""

import sys

import pytest

from mmseg_incremental.engine.progress_file import SequenceProgress
from mmseg_incremental.errors import InputError
from mmseg_incremental.experiments import jobs
from mmseg_incremental.experiments.cluster import Cluster, Training
from mmseg_incremental.experiments.job import Job
from mmseg_incremental.experiments.jobs import run_jobs
from mmseg_incremental.experiments.this_machine import ThisMachine
from mmseg_incremental.sequence.work_dir import WorkDir

SCRIPT = """
import sys, time
path, done, code = sys.argv[1:]
with open(path, 'w') as file:
    file.write('{"version": 1, "step": 1, "steps": [1], "state": "training", '
               '"iteration": 40, "iterations": 150, "updated": ""}')
end = time.monotonic() + 20
while not open(done).read():  # until the progress was read
    assert time.monotonic() < end
    time.sleep(0.02)
print('it broke' if int(code) else 'all well')
print()
sys.exit(int(code))
"""


class Heard:
    """What the jobs tell; they may end once they were heard."""

    def __init__(self, done):
        self.done = done
        self.begun, self.advanced, self.ended = [], set(), []

    def begin(self, name, total):
        self.begun.append((name, total))

    def advance(self, number, name, done, state):
        self.advanced.add((name, done, state))
        self.done.write_text('heard')

    def end(self, number, text):
        self.ended.append(text)


@pytest.fixture
def heard(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, '_SECONDS_BETWEEN_LOOKS', 0.05)
    (tmp_path / 'done').write_text('')
    return Heard(tmp_path / 'done')


def job(tmp_path, code, **kwargs):
    name = f'exit-{code}'
    work_dir = WorkDir(tmp_path / name)
    arguments = [work_dir.progress, tmp_path / 'done', code]
    command = [sys.executable, '-c', SCRIPT, *map(str, arguments)]
    return Job(name, command, work_dir, {0: 60, 1: 150}, **kwargs)


def test_progress_is_read_from_the_file(tmp_path, heard):
    assert run_jobs([job(tmp_path, 0)], 1, ThisMachine('cpu'), heard) == {}
    assert heard.begun == [('exit-0', 210)]
    assert heard.advanced == {('exit-0', 60 + 40, 'step 1, 40/150')}
    assert heard.ended == ['done: exit-0']
    assert (tmp_path / 'exit-0' / 'train.log').read_text() == 'all well\n\n'


def test_failure_is_the_last_line_of_the_log(tmp_path, heard):
    failing = job(tmp_path, 3)
    waiting = job(tmp_path, 0, after=failing.name)
    failures = run_jobs([failing, waiting], 1, ThisMachine('cpu'), heard)
    assert failures[failing.name] == f'it broke (log: {failing.log})'
    assert failures[waiting.name].startswith('exit-3 failed: it broke')
    assert heard.ended == ['FAILED: exit-3']
    assert not waiting.work_dir.path.exists()


def test_what_earlier_runs_left_is_not_taken_for_this_one(tmp_path, heard):
    script = 'import time; time.sleep(0.5); raise SystemExit(4)'
    quiet = Job('quiet', [sys.executable, '-c', script], WorkDir(tmp_path), {0: 9})
    quiet.log.write_text('error: of yesterday\n')
    SequenceProgress(0, (0,), 'training', 5, 9).write(quiet.work_dir.progress)
    assert run_jobs([quiet], 1, ThisMachine('cpu'), heard) == {
        'quiet': f'exit status 4 (log: {quiet.log})'
    }
    assert heard.advanced == set()
    assert quiet.log.read_text() == 'error: of yesterday\n'


# --- a cluster, by submitit's own executors that need none --------------------------------------


@pytest.fixture
def cluster():
    pytest.importorskip('submitit')
    return lambda kind, **parameters: Cluster(kind, parameters)


def test_submitted_jobs_are_followed_like_those_of_this_machine(tmp_path, heard, cluster):
    failing = job(tmp_path, 3)
    waiting = job(tmp_path, 0, after=failing.name)
    failures = run_jobs([failing, waiting], 2, cluster('local', timeout_min=5), heard)
    assert failures[failing.name] == f'it broke (log: {failing.log})'
    assert failures[waiting.name].startswith('exit-3 failed: it broke')
    assert heard.advanced == {('exit-3', 60 + 40, 'step 1, 40/150')}
    assert list((failing.work_dir.path / 'submitit').glob('*_submitted.pkl'))


def test_debug_executor_runs_in_this_process(tmp_path, heard, cluster):
    done = Job(
        'quick', [sys.executable, '-c', 'print("well")'], WorkDir(tmp_path / 'quick'), {0: 1}
    )
    assert run_jobs([done], 1, cluster('debug'), heard) == {}
    assert done.log.read_text() == 'well\n'


def test_training_taken_away_is_queued_again(tmp_path, cluster):
    training = Training([sys.executable, '-c', 'raise SystemExit(7)'], str(tmp_path / 'log'))
    again = training.checkpoint()
    assert again.function is training
    assert training() == 7


def test_options_that_submitit_lacks_are_told(cluster):
    with pytest.raises(InputError, match=r'--executor local cannot be used: .*colour'):
        cluster('local', colour='red')


def test_missing_submitit_is_named_with_its_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, 'submitit', None)
    with pytest.raises(InputError, match=r"pip install 'mmseg-incremental\[slurm\]'"):
        Cluster('slurm')
