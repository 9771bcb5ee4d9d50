"""The distance penalized loss in training: its map is made where the crops are made."""

import copy
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from mmseg.registry import MODELS
from tiny import ROOT, cfg_options, leaf, run_tool, tiny_sequence

from mmseg_incremental.errors import InputError
from mmseg_incremental.models.losses import distance_penalized_cross_entropy
from mmseg_incremental.sequence import Sequence, load_sequence
from mmseg_incremental.utils.distance_map import boundary_distance_map

DPCE = dict(type='DistancePenalizedCrossEntropy', sigma=3.0)
ENTROPY = dict(type='CrossEntropyLoss')
pytestmark = pytest.mark.filterwarnings('ignore:Default ``avg_non_ignore`` is False')


def read(shapes: Path, method: str = 'mib_dpce', **changes: object) -> Sequence:
    return tiny_sequence(shapes, Path('unused'), method, **changes)


def pipeline_end(sequence: Sequence, step: int) -> list[dict]:
    """What comes after PackSegInputs."""
    pipeline = sequence.step(step).config.train_dataloader.dataset.pipeline
    types = [transform.type for transform in pipeline]
    return [dict(transform) for transform in pipeline[types.index('PackSegInputs') + 1 :]]


# --- the config of a step -----------------------------------------------------------------------


def test_pipeline_of_later_steps_ends_with_the_map(shapes: Path) -> None:
    sequence = read(shapes)
    assert pipeline_end(sequence, 0) == []
    for step, num_old in ((1, 5), (2, 6)):
        expected = [dict(type='AddDistanceMap', sigma=5.0, num_old=num_old)]
        assert pipeline_end(sequence, step) == expected
    tests = sequence.step(1).config.test_dataloader.dataset.pipeline
    assert 'AddDistanceMap' not in [transform.type for transform in tests]
    assert pipeline_end(read(shapes, 'mib'), 1) == []


def test_map_goes_with_the_loss_of_the_step(shapes: Path) -> None:
    add = dict(type='AddDistanceMap', sigma=3.0)
    sequence = read(shapes, 'mib', **{'method.first_loss': dict(DPCE, _delete_=True)})
    assert [pipeline_end(sequence, step) for step in range(2)] == [[dict(add, num_old=0)], []]
    several = [ENTROPY, DPCE, dict(DPCE, loss_weight=2.0)]
    sequence = read(shapes, 'mib', **{'method.loss': several})
    assert [pipeline_end(sequence, step) for step in range(2)] == [[], [dict(add, num_old=5)]]
    offline = dict(_delete_=True, dataset='shapes', name='offline', base=4)
    joint = read(shapes, 'joint', **{'method.loss': dict(DPCE, _delete_=True), 'task': offline})
    assert pipeline_end(joint, 0) == [dict(add, num_old=0)]


def test_impossible_sigma_is_told_before_training(shapes: Path) -> None:
    with pytest.raises(InputError, match='sigma must be a number of pixels above 0, not -1'):
        read(shapes, **{'method.loss.sigma': -1})


# --- the data -----------------------------------------------------------------------------------


def load_batch(sequence: Sequence, step: int = 1) -> tuple[dict, torch.nn.Module]:
    """First training batch, as the data worker hands it over, and the step's model."""
    out = copy.deepcopy(sequence.step(step).config)
    out.train_dataloader.update(num_workers=1, persistent_workers=False)
    loader = Runner.build_dataloader(copy.deepcopy(out.train_dataloader), seed=0)
    assert loader.num_workers == 1
    torch.manual_seed(0)
    return next(iter(loader)), MODELS.build(out.model)


@pytest.mark.parametrize('setting', ['overlapped', 'sequential'])
def test_worker_hands_over_the_map_that_the_loss_would_make(shapes: Path, setting: str) -> None:
    batch, model = load_batch(read(shapes, setting=setting))
    for sample in batch['data_samples']:
        labels = sample.gt_sem_seg.data[0].numpy()
        expected = boundary_distance_map(np.where(labels < 5, 0, labels), sigma=5.0)
        np.testing.assert_array_equal(sample.gt_distance_map.data[0].numpy(), expected)
    assert any(sample.gt_distance_map.data.any() for sample in batch['data_samples'])
    data = model.data_preprocessor(batch, training=True)
    labels = torch.cat([sample.gt_sem_seg.data for sample in data['data_samples']])
    logits = torch.randn(4, 6, 32, 32)
    for head in (model.decode_head, *model.auxiliary_head):
        loss = head.loss_by_feat(logits, data['data_samples'])['loss_dpce']
        assert loss.item() == distance_penalized_cross_entropy(logits, labels, num_old=5).item()


def test_padding_of_crops_that_are_too_small(shapes: Path) -> None:
    batch, model = load_batch(read(shapes, crop_size=(80, 96)))  # the pictures are 64 x 64
    assert {tuple(s.gt_distance_map.shape) for s in batch['data_samples']} == {(64, 64)}
    samples = model.data_preprocessor(batch, training=True)['data_samples']
    labels = torch.cat([sample.gt_sem_seg.data for sample in samples])
    assert labels.shape == (4, 80, 96)
    assert (labels[:, 64:] == 255).all()
    assert (labels[:, :, 64:] == 255).all()
    # the padding is void: it weighs nothing and makes no boundary
    maps = torch.nn.functional.pad(
        torch.cat([sample.gt_distance_map.data for sample in samples]), (0, 32, 0, 16)
    )
    logits = torch.randn(4, 6, 80, 96)
    loss = model.decode_head.loss_by_feat(logits, samples)['loss_dpce']
    expected = distance_penalized_cross_entropy(logits, labels, num_old=5, distance_map=maps)
    assert loss.item() == expected.item()
    assert loss.item() == distance_penalized_cross_entropy(logits, labels, num_old=5).item()


# --- a whole run of the real command ------------------------------------------------------------


def scalars(work_dir: Path, step: int) -> list[dict]:
    (path,) = work_dir.glob(f'step_{step}/*/vis_data/scalars.json')
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.slow
def test_real_command_trains_with_it(shapes: Path, tmp_path: Path) -> None:
    options = {
        'method': 'mib_dpce',
        'train_dataloader.num_workers': 1,
        'default_hooks.logger.interval': 2,
    }
    done = run_tool(
        'train', leaf(), '--work-dir', tmp_path, '--steps', 0, 1, *cfg_options(shapes, **options)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'MiB + DPCE' in done.stdout
    heads = ('decode', 'aux_0', 'aux_1')
    for step, name in ((0, 'loss_ce'), (1, 'loss_dpce')):
        logged = [entry for entry in scalars(tmp_path, step) if 'loss' in entry]
        assert len(logged) == 3
        for entry in logged:
            assert {key for key in entry if 'loss_' in key} - {'distill.loss_unkd'} == {
                f'{head}.{name}' for head in heads
            }
            assert all(math.isfinite(entry[f'{head}.{name}']) for head in heads)
            assert all(entry[f'{head}.{name}'] > 0 for head in heads)
    logs = [path.read_text() for path in tmp_path.glob('step_1/*/*.log')]
    assert any("type='AddDistanceMap'" in log for log in logs)


def test_config_on_the_real_voc_leaf() -> None:
    path = ROOT / 'configs' / 'bisenet_r101_voc_15-5s_mib.py'
    sequence, mib = load_sequence(path, {'method': 'mib_dpce'}), load_sequence(path)
    method = sequence.method.config
    assert method.first_loss == ENTROPY
    assert method.loss == dict(type='DistancePenalizedCrossEntropy', sigma=5.0)
    for key in ('distillation', 'classifier_init'):
        assert method[key] == mib.method.config[key]
    for step, num_old in ((0, None), (1, 16), (5, 20)):
        expected = [dict(type='AddDistanceMap', sigma=5.0, num_old=num_old)] if num_old else []
        assert pipeline_end(sequence, step) == expected
