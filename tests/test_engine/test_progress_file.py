"""The file that says how far a sequence is."""

import json
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from mmseg.registry import HOOKS

from mmseg_incremental.engine import progress_file
from mmseg_incremental.engine.progress_file import (
    ProgressFile,
    ProgressWriter,
    SequenceProgress,
    read_progress,
)
from mmseg_incremental.errors import InputError
from mmseg_incremental.sequence.work_dir import WorkDir


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when a test says so."""
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(progress_file.time, 'monotonic', lambda: now.seconds)
    return now


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'progress.json'


def test_file_is_as_documented(path):
    SequenceProgress(1, (0, 1, 2), 'training', 40, 150).write(path)
    content = json.loads(path.read_text())
    updated = datetime.fromisoformat(content.pop('updated'))
    assert timedelta(0) <= datetime.now(timezone.utc) - updated < timedelta(minutes=1)
    assert content == {
        'version': 1, 'step': 1, 'steps': [0, 1, 2], 'state': 'training', 'iteration': 40,
        'iterations': 150,
    }  # fmt: skip
    found = read_progress(path)
    assert (found.step, found.steps, found.iterations) == (1, (0, 1, 2), 150)


def test_absent_file_is_no_progress(path):
    assert read_progress(path) is None


@pytest.mark.parametrize('text', ['', '[]', '{"version": 2}', '{"version": 1, "step": 1}'])
def test_another_file_is_told(path, text):
    path.write_text(text)
    with pytest.raises(InputError, match=r'progress\.json: not a progress file'):
        read_progress(path)


def test_written_now_and_then_and_at_every_change(path, clock):
    writer = ProgressWriter(path, [0, 1])

    def told(*progress):
        writer.tell(*progress)
        found = read_progress(path)
        return found.step, found.state, found.iteration

    assert told(0, 'training', 0, 9) == (0, 'training', 0)
    clock.seconds += 1.9
    assert told(0, 'training', 1, 9) == (0, 'training', 0), 'too early'
    clock.seconds += 0.2
    assert told(0, 'training', 2, 9) == (0, 'training', 2)
    assert told(0, 'evaluating', 9, 9) == (0, 'evaluating', 9)
    assert told(1, 'evaluating', 9, 9) == (1, 'evaluating', 9)


def test_end_is_told(path):
    with ProgressWriter(path, [0]) as writer:
        writer.tell(0, 'evaluating', 9, 9)
    assert read_progress(path).state == 'done'

    def interrupted():
        with ProgressWriter(path, [0]) as writer:
            writer.tell(0, 'training', 3, 9)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    failed = read_progress(path)
    assert (failed.state, failed.iteration, failed.iterations) == ('failed', 3, 9)


def test_other_processes_write_nothing(path, monkeypatch):
    monkeypatch.setattr(progress_file, 'is_main_process', lambda: False)
    with ProgressWriter(path, [0]) as writer:
        writer.tell(0, 'training', 0, 9)
    assert not path.exists()


def test_hook_follows_a_training(path, clock):
    hook = HOOKS.build(dict(type='ProgressFile', path=str(path), step=1, steps=[1, 2]))
    assert isinstance(hook, ProgressFile)
    runner = SimpleNamespace(iter=4, max_iters=10)

    def said():
        found = read_progress(path)
        assert (found.step, found.steps, found.iterations) == (1, (1, 2), 10)
        return found.state, found.iteration

    hook.before_train(runner)
    assert said() == ('training', 4), 'a resumed training begins where it stopped'
    clock.seconds += 5
    hook.after_train_iter(runner, 4)
    assert said() == ('training', 5)
    runner.iter = 5
    hook.before_val(runner)
    assert said() == ('evaluating', 5)
    hook.after_val(runner)
    assert said() == ('training', 5)


def test_finished_sequence_says_so(trained):
    found = read_progress(WorkDir(trained).progress)
    assert (found.step, found.steps, found.state) == (2, (0, 1, 2), 'done')
    assert found.iteration == found.iterations == 6
