"""A checkpoint whose bytes have changed is noticed, wherever it is read."""

import random
import shutil

import pytest
import torch
from tiny import tiny_sequence

from mmseg_incremental.apis import RunOptions, evaluate_step, plan_sequence
from mmseg_incremental.sequence import CheckpointError, load_checkpoint
from mmseg_incremental.sequence.backbone_weights import check_backbone_weights
from mmseg_incremental.sequence.checkpoint import newest_usable


def flip(path, place):
    """Turn over one bit."""
    with open(path, 'r+b') as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 8]))


def in_the_weights(path, rng):
    """A place in the values of the largest weight, which are most of the file."""
    return rng.randrange(path.stat().st_size // 4, path.stat().st_size // 2)


@pytest.fixture
def flipped(trained, tmp_path):
    """A finished sequence with a flipped bit in step 0."""
    work_dir = shutil.copytree(trained, tmp_path / 'flipped')
    path = work_dir / 'step_0.pth'
    flip(path, in_the_weights(path, random.Random(1)))
    return work_dir


def test_no_flip_goes_unnoticed(trained, tmp_path):
    rng, path = random.Random(0), tmp_path / 'step_0.pth'
    shutil.copy(trained / 'step_0.pth', path)
    for _ in range(8):
        place = in_the_weights(path, rng)
        flip(path, place)
        with pytest.raises(CheckpointError, match=r'step_0\.pth: damaged or truncated .*checksum'):
            load_checkpoint(path)
        flip(path, place)
    load_checkpoint(path)


def test_step_is_not_gone_on_from_nor_evaluated(shapes, flipped, tmp_path):
    sequence = tiny_sequence(shapes, flipped)
    with pytest.raises(CheckpointError, match='checksum'):
        plan_sequence(sequence, RunOptions(resume=True))
    with pytest.raises(CheckpointError, match='checksum'):
        evaluate_step(sequence.step(0), flipped / 'step_0.pth')
    with pytest.raises(CheckpointError, match='checksum'):
        plan_sequence(tiny_sequence(shapes, tmp_path / 'new'), RunOptions(base=flipped))


def test_backbone_weights_are_checked(shapes, tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save({f'w{i}': torch.ones(1000) for i in range(9)}, path)
    flip(path, in_the_weights(path, random.Random(0)))
    with pytest.raises(CheckpointError, match='checksum'):
        check_backbone_weights(tiny_sequence(shapes, tmp_path, backbone_weights=str(path)))


def test_checkpoint_inside_a_step_is_passed_over_and_told(tmp_path):
    for number in (2, 4):
        torch.save({'state_dict': {'w': torch.ones(10_000)}}, tmp_path / f'iter_{number}.pth')
    newer, older = tmp_path / 'iter_4.pth', tmp_path / 'iter_2.pth'
    flip(newer, in_the_weights(newer, random.Random(0)))
    found = newest_usable([newer, older])
    assert found.path == str(older)
    (reason,) = found.damaged
    assert 'iter_4.pth' in reason
    assert 'checksum' in reason
