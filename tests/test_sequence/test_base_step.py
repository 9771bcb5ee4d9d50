"""Step 0 taken from another sequence."""

import torch
from tiny import ITERS, cfg_options, leaf, run_tool, tiny_sequence

from mmseg_incremental.apis import RunOptions, plan_sequence, run_sequence
from mmseg_incremental.evaluation import SequenceResults
from mmseg_incremental.sequence import load_checkpoint
from mmseg_incremental.utils.files import lock_folder


def test_base_gives_step_0_and_is_told(shapes, trained, tmp_path):
    work_dir = tmp_path / 'ft'
    run = [leaf('ft'), '--work-dir', work_dir, '--steps', 0, 1]
    done = run_tool('train', *run, '--base', trained, *cfg_options(shapes))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f'step 0: taken from {trained}/step_0.pth' in done.stdout
    assert 'step 0: learning' not in done.stdout
    theirs, ours = (load_checkpoint(path / 'step_0.pth') for path in (trained, work_dir))
    assert all(torch.equal(v, ours['state_dict'][k]) for k, v in theirs['state_dict'].items())
    assert ours['meta']['sequence']['method']['name'] == 'FT'
    assert ours['meta']['taken_from'] == f'{trained}/step_0.pth'
    assert ours['meta']['fingerprint'] == theirs['meta']['fingerprint']
    first = [SequenceResults.load(path / 'results.json').steps[0] for path in (trained, work_dir)]
    assert first[0]['mIoU'] == first[1]['mIoU']

    plans = plan_sequence(tiny_sequence(shapes, work_dir, 'ft'), RunOptions([0, 1], resume=True))
    assert [plan.outdated for plan in plans] == [False, False]
    changed = tiny_sequence(shapes, work_dir, 'ft', **{'step_schedule.first.lr': 0.5})
    assert [p.outdated for p in plan_sequence(changed, RunOptions([0], resume=True))] == [True]


def test_base_of_other_settings_is_taken_at_the_users_word(shapes, trained, tmp_path):
    """A base named by hand stands for the step 0 that the config describes."""
    sequence = tiny_sequence(shapes, tmp_path, 'ft', **{'step_schedule.first.iters': 7})
    (first,) = plan_sequence(sequence, RunOptions([0], base=trained))
    assert first.taken_from == f'{trained}/step_0.pth'
    assert first.iters == 7 != ITERS


def test_step_after_a_base_of_other_settings_is_that_of_the_base(shapes, trained, tmp_path):
    """Its fingerprint tells the weights that it started from, before and after the copying."""
    sequence = tiny_sequence(shapes, tmp_path, 'ft', **{'step_schedule.first.iters': 7})
    before = plan_sequence(sequence, RunOptions(base=trained))[1]
    run_sequence(sequence, RunOptions([0], base=trained))
    after = plan_sequence(sequence, RunOptions([1]))[0]
    assert before.fingerprint == after.fingerprint
    alike = tiny_sequence(shapes, tmp_path / 'x', 'ft')
    assert plan_sequence(alike, RunOptions(base=trained))[1].fingerprint == after.fingerprint


def test_base_of_another_task_is_refused(shapes, trained, tmp_path):
    done = run_tool(
        'train', leaf('ft'), '--work-dir', tmp_path / 'x', '--base', trained,
        *cfg_options(shapes, **{'task.name': '3-1'}),
    )  # fmt: skip
    assert done.returncode == 1
    assert 'checkpoint of another task' in done.stderr
    assert not (tmp_path / 'x').exists()


def test_base_that_is_not_there_is_refused(shapes, tmp_path):
    done = run_tool(
        'train', leaf('ft'), '--base', tmp_path, '--work-dir', tmp_path / 'x', *cfg_options(shapes)
    )
    assert done.returncode == 1
    assert f'{tmp_path}/step_0.pth: checkpoint not found' in done.stderr


def test_work_dir_in_use_is_refused(shapes, tmp_path):
    work_dir = tmp_path / 'busy'
    work_dir.mkdir()
    with lock_folder(work_dir):
        done = run_tool('train', leaf('ft'), '--work-dir', work_dir, *cfg_options(shapes))
    assert done.returncode == 1
    assert f'{work_dir} is in use by another process' in done.stderr
    assert not (work_dir / 'results.json').exists()
