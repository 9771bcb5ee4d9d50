"""A step that was begun goes on with the settings that it began with, or not at all."""

import pytest
import torch
from tiny import cfg_options, leaf, run_tool, run_until_killed, tiny_sequence

from mmseg_incremental.apis import RunOptions, plan_sequence, run_sequence
from mmseg_incremental.errors import InputError
from mmseg_incremental.sequence.fingerprint import different_settings

RESUME = RunOptions([0], resume=True)


@pytest.fixture(scope='module')
def begun(shapes, tmp_path_factory):
    """A sequence that was killed inside step 0."""
    work_dir = tmp_path_factory.mktemp('begun')
    run_until_killed(shapes, work_dir, step=0, iteration=5)
    return work_dir


@pytest.mark.parametrize(
    ('key', 'value', 'told'),
    [
        ('step_schedule.first.lr', 0.5, 'optim_wrapper.optimizer.lr: 0.03 -> 0.5'),
        ('step_schedule.first.iters', 4, 'train_cfg.iters: 6 -> 4'),
        ('randomness.seed', 5, 'randomness.seed: 0 -> 5'),
        ('batch_size', 2, 'train_dataloader.batch_size: 4 -> 2'),
        ('crop_size', (24, 24), '[32, 32] -> [24, 24]'),
    ],
)
def test_changed_settings_stop_a_resumed_step(shapes, begun, key, value, told):
    with pytest.raises(InputError) as caught:
        plan_sequence(tiny_sequence(shapes, begun, **{key: value}), RESUME)
    message = str(caught.value)
    assert message.startswith('step 0 was begun with other settings (')
    assert told in message
    assert message.endswith(
        'go on with the old ones, or train the step from its start with --resume --restart-step 0'
    )
    assert '\n' not in message


def test_number_of_processes_is_a_setting(shapes, begun):
    with pytest.raises(InputError, match='world_size: 1 -> 2'):
        plan_sequence(tiny_sequence(shapes, begun), RESUME, world_size=2)


def test_what_changes_no_weight_may_change(shapes, begun):
    changes = {'default_hooks.logger.interval': 3, 'train_dataloader.num_workers': 1}
    (plan,) = plan_sequence(tiny_sequence(shapes, begun, **changes), RESUME)
    assert plan.resume_from.endswith('iter_4.pth')


@pytest.mark.slow
def test_both_ways_on_work(shapes, begun, trained):
    """Restarted with other settings; and the message of a run that diverged names this way."""
    options = cfg_options(shapes, **{'step_schedule.first.lr': 0.02})
    arguments = [leaf(), '--work-dir', begun, '--steps', 0, '--resume']
    refused = run_tool('train', *arguments, *options)
    assert refused.returncode == 1
    assert refused.stderr.strip().splitlines()[-1].startswith('error: step 0 was begun with')
    done = run_tool('train', *arguments, '--restart-step', 0, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'going on from' not in done.stdout
    with pytest.raises(InputError, match=r'step 0 is done .*--overwrite-step 0'):
        plan_sequence(tiny_sequence(shapes, begun), RunOptions([0], resume=True, restart=[0]))


def test_diverged_run_says_what_works(shapes, tmp_path):
    lr = {'step_schedule.first.lr': 1e30}
    with pytest.raises(InputError, match=r'not finite .*--resume --restart-step 0'):
        run_sequence(tiny_sequence(shapes, tmp_path, **lr), RunOptions([0]))
    changed = tiny_sequence(shapes, tmp_path)
    run_sequence(changed, RunOptions([0], resume=True, restart=[0]))
    assert torch.load(tmp_path / 'step_0.pth')['meta']['iterations'] == 6


def test_differences_are_short():
    one = '{"config": {"a": {"b": 1, "c": [1, 2]}}, "pictures": ["x"]}'
    other = '{"config": {"a": {"b": 2, "c": [1, 2]}, "d": null}, "pictures": ["y"]}'
    assert different_settings(one, one) == []
    assert different_settings(one, other) == ['a.b: 1 -> 2', "pictures: ['x'] -> ['y']"]
