"""Combinations that papers report, by config alone, with frozen batch normalisation or without."""

from pathlib import Path

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS, TASK_UTILS
from mmseg.structures import SegDataSample
from tiny import tiny_sequence, weights
from torch import nn

from mmseg_incremental.apis import RunOptions, run_sequence
from mmseg_incremental.datasets import read_memory
from mmseg_incremental.sequence import WorkDir

#: By name: a method of its own, and what makes it of another one.
COMBINATIONS = {
    'MiB + EWF': ('ewf', {}),
    'PLOP + EWF': ('ewf_plop', {}),
    'MiB + memory': ('mib_m', {}),
    'PLOP + memory': ('plop_m', {}),
    'MiB + EWF + memory': (
        'ewf',
        {'method.memory': dict(type='ClassBalancedMemory', size=7),
         'method.loss.old_labels': 'kept'},
    ),
    'RCIL + memory': ('rcil', {'method.memory': dict(type='ClassBalancedMemory', size=7)}),
    'MiB + EWC': ('mib', {'method.importance': dict(type='ElasticWeights', weight=10.0)}),
    'PLOP + frozen dropout': ('plop', {'method.trainable': [dict(type='FreezeDropout')]}),
}  # fmt: skip
FROZEN = {'step_schedule.later.freeze_norm': True}


def norms(model):
    return [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]


@pytest.mark.parametrize('frozen', [False, True], ids=['', 'frozen'])
@pytest.mark.parametrize('name', COMBINATIONS)
def test_it_is_built_and_learns(shapes: Path, tmp_path: Path, name: str, frozen: bool) -> None:
    method, changes = COMBINATIONS[name]
    options = {'method': method, **changes, **(FROZEN if frozen else {})}
    sequence = tiny_sequence(shapes, tmp_path, 'mib', **options)
    config = sequence.step(1).config
    loop = config.default_hooks.incremental_loop
    model = MODELS.build(config.model).train()
    model.set_old_model(MODELS.build(loop.old_model))
    torch.manual_seed(0)
    labels = torch.zeros(1, 64, 64).long()
    labels[:, :20] = 5
    samples = [SegDataSample(gt_sem_seg=PixelData(data=labels)) for _ in range(2)]
    pictures = torch.randn(2, 3, 64, 64)
    if loop.survey:
        survey = TASK_UTILS.build(dict(loop.survey))
        survey.start(model.channels)
        survey.observe(model.labelled_batch(pictures, samples))
        model.statistics = survey.finish()
    before = [norm.running_mean.clone() for norm in norms(model)]
    losses = model.loss(pictures, samples)
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    assert model.decode_head.conv_seg[-1].weight.grad.abs().max() > 0
    moved = [
        not torch.equal(norm.running_mean, mean)
        for norm, mean in zip(norms(model), before, strict=True)
    ]
    assert any(moved) is not frozen
    assert any(norm.weight.requires_grad for norm in norms(model)) is not frozen
    if 'memory' in name:
        assert config.train_dataloader.dataset.memory.endswith('.json')
    if 'EWF' in name:
        assert loop.after_step[0].type == 'WeightFusion'


@pytest.mark.slow
@pytest.mark.parametrize('method', ['ewf', 'plop_m'])
def test_it_runs_with_frozen_normalisation(
    shapes: Path, trained: Path, tmp_path: Path, method: str
) -> None:
    sequence = tiny_sequence(shapes, tmp_path, 'mib', **{'method': method, **FROZEN})
    results = run_sequence(sequence, RunOptions(steps=[0, 1], base=trained))
    assert set(results.steps) == {0, 1}
    old, new = weights(tmp_path, 0), weights(tmp_path, 1)
    names = [name for name in old if name.endswith('running_mean')]
    assert names
    for name in names:
        # EWF fuses equal values, which rounds
        torch.testing.assert_close(new[name], old[name], rtol=1e-6, atol=1e-7)
        scale = name.replace('running_mean', 'weight')
        torch.testing.assert_close(new[scale], old[scale], rtol=1e-6, atol=1e-7)
    key = 'decode_head.conv_seg.weight'
    assert not torch.equal(new[key][: len(old[key])], old[key]) or method == 'ewf'
    if method == 'plop_m':
        assert len(read_memory(WorkDir(tmp_path).memory(1))) > 0
