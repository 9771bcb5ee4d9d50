"""Whole tiny runs of the methods that act at more moments than the losses."""

from pathlib import Path

import pytest
import torch
from tiny import (
    OPTIONS,
    assert_same_weights,
    cfg_options,
    leaf,
    run_tool,
    run_until_killed,
    tiny_sequence,
    weights,
)

from mmseg_incremental.apis import RunOptions, run_sequence
from mmseg_incremental.datasets import read_memory
from mmseg_incremental.sequence import WorkDir, load_checkpoint
from mmseg_incremental.sequence.checkpoint import step_state

pytestmark = pytest.mark.slow
STEPS = RunOptions(steps=[0, 1])
OWN_FIRST_STEP = ('dft', 'ssul', 'ssul_m', 'dkd', 'dkd_m', 'rcil', 'ewc', 'pi', 'rw')


def base_of(method: str, trained: Path) -> Path | None:
    """Step 0 is the same for all methods but those whose first step has channels of its own."""
    return None if method in OWN_FIRST_STEP else trained


@pytest.mark.parametrize(
    'method',
    [
        'plop',
        'ewf',
        'ewf_plop',
        'frozen',
        'dft',
        'mib_m',
        'plop_m',
        'ssul',
        'ssul_m',
        'dkd',
        'dkd_m',
        'rcil',
        'ewc',
        'pi',
        'rw',
        'nest_plop',
    ],
)
def test_method_resumes_to_identical_weights(
    shapes: Path, trained: Path, tmp_path: Path, method: str
) -> None:
    base = base_of(method, trained)
    options = RunOptions(steps=[0, 1], base=base)
    results = run_sequence(tiny_sequence(shapes, tmp_path / 'whole', method), options)
    assert set(results.steps) == {0, 1}
    killed = tmp_path / 'killed'
    if base:
        run_sequence(tiny_sequence(shapes, killed, method), RunOptions(steps=[0], base=base))
    run_until_killed(shapes, killed, step=1, iteration=5, method=method, resume=bool(base))
    assert not WorkDir(killed).checkpoint(1).exists()
    again = RunOptions(steps=[0, 1], resume=True)
    resumed = run_sequence(tiny_sequence(shapes, killed, method), again)
    assert_same_weights(tmp_path / 'whole', killed, steps=2)
    assert resumed.steps[1]['IoU'] == results.steps[1]['IoU']


def test_two_processes_find_and_remember_the_same(
    shapes: Path, trained: Path, tmp_path: Path
) -> None:
    changes = {
        'method': 'plop',
        'method.memory.type': 'ClassBalancedMemory',
        'method.memory.size': 7,
    }
    sequence = tiny_sequence(shapes, tmp_path / 'one', 'mib', **changes)
    run_sequence(sequence, RunOptions(steps=[0, 1], base=trained))
    options = cfg_options(shapes, **{**changes, 'batch_size': OPTIONS['batch_size'] // 2})
    done = run_tool('train', leaf(), '--work-dir', tmp_path / 'two', '--launcher', 'pytorch',
                    '--base', trained, '--steps', 0, 1, *options, processes=2)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    one, two = WorkDir(tmp_path / 'one'), WorkDir(tmp_path / 'two')
    kept = read_memory(one.memory(1))
    assert len(kept) == 7
    assert read_memory(two.memory(1)) == kept
    found, same = (load_checkpoint(work_dir.survey(1)) for work_dir in (one, two))
    assert found.keys() == same.keys()
    for name, value in found.items():
        torch.testing.assert_close(same[name], value, rtol=1e-4, atol=1e-5)


def test_frozen_baseline_changes_nothing_but_classifiers(shapes: Path, tmp_path: Path) -> None:
    run_sequence(tiny_sequence(shapes, tmp_path, 'dft'), STEPS)
    before, after = weights(tmp_path, 0), weights(tmp_path, 1)
    for name, value in before.items():
        if 'conv_seg' not in name:
            assert torch.equal(value, after[name]), name
    rows = before['decode_head.conv_seg.weight']
    assert torch.equal(rows, after['decode_head.conv_seg.weight'][: len(rows)])
    content = load_checkpoint(WorkDir(tmp_path).checkpoint(0))
    future = step_state(content)['decode_head.conv_seg.extra.1.weight']
    new = after['decode_head.conv_seg.weight'][len(rows) :]
    assert new.shape == future.shape
    assert not torch.equal(new, future), 'the classifier of a future class goes on learning'


def test_fused_weights_lie_between_old_and_trained(
    shapes: Path, trained: Path, tmp_path: Path
) -> None:
    run_sequence(tiny_sequence(shapes, tmp_path, 'ewf'), RunOptions(steps=[0, 1], base=trained))
    plain = {'method.after_step': [], 'method.trainable': [dict(type='FreezeOldClassifiers')]}
    run_sequence(
        tiny_sequence(shapes, tmp_path / 'plain', 'mib', method='ewf', **plain),
        RunOptions(steps=[0, 1], base=trained),
    )
    old, fused, new = weights(trained, 0), weights(tmp_path, 1), weights(tmp_path / 'plain', 1)
    name = 'backbone.context_path.arm16.conv_layer.conv.weight'
    alpha = (1 / 6) ** 0.5  # one new class of six channels
    torch.testing.assert_close(fused[name], (1 - alpha) * old[name] + alpha * new[name])
