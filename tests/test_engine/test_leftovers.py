"""What a run that was killed leaves behind is removed when the next one starts."""

import shutil

import pytest
from tiny import tiny_sequence

from mmseg_incremental.apis import RunOptions, run_sequence
from mmseg_incremental.engine import prepare_run
from mmseg_incremental.errors import InputError
from mmseg_incremental.utils.files import lock_folder

LEFTOVERS = [
    '.step_0-abcd1234.pth',
    '.step_1-_bcd12x4.py',
    '.results-abcd1234.json',
    '.progress-abcd1234.json',
    '.memory_1-abcd1234.json',
    '.writable-abcd1234',
    'step_1/.survey-abcd1234.pth',
    'step_1/iter_4.pth',
    'step_1/last_checkpoint',
    'pictures/.predictions-abcd1234.png',
]
KEPT = ['notes.txt', '.notes', 'step_1/iter_final.pth', 'step_1/mine.pth']


@pytest.fixture
def killed(trained, tmp_path):
    """A finished sequence of which a process was killed at several moments."""
    work_dir = shutil.copytree(trained, tmp_path / 'killed')
    for name in [*LEFTOVERS, *KEPT]:
        (work_dir / name).write_bytes(b'half')
    return work_dir


def test_leftovers_are_removed_and_nothing_else(shapes, killed):
    run_sequence(tiny_sequence(shapes, killed), RunOptions(resume=True))
    assert [name for name in LEFTOVERS if (killed / name).exists()] == []
    assert [name for name in KEPT if not (killed / name).exists()] == []
    assert all((killed / f'step_{step}.pth').is_file() for step in range(3))


def test_they_stay_while_another_process_works_there(shapes, killed):
    with lock_folder(killed), pytest.raises(InputError, match='in use by another process'):
        run_sequence(tiny_sequence(shapes, killed), RunOptions(resume=True))
    assert [name for name in LEFTOVERS if not (killed / name).exists()] == []


def test_plan_that_another_process_outdated_is_not_carried_out(shapes, killed, monkeypatch):
    def finish_meanwhile(sequence, *arguments):
        plans = plan(sequence, *arguments)
        shutil.copy(killed / 'step_0.pth', killed / 'step_3.pth')
        return plans

    plan = prepare_run.plan_sequence
    monkeypatch.setattr(prepare_run, 'plan_sequence', finish_meanwhile)
    with pytest.raises(InputError, match='changed by another process meanwhile; run again'):
        run_sequence(tiny_sequence(shapes, killed), RunOptions(resume=True))
