"""One training iteration of every method as on a GPU, see ``meta_device``."""

import copy
import functools

import pytest
import torch
from meta_device import meta_batch, rehearse, to_meta
from mmengine.structures import PixelData
from mmseg.registry import MODELS, TASK_UTILS
from tiny import ROOT, leaf

from mmseg_incremental.apis import Sequence, load_sequence
from mmseg_incremental.models import IncrementalEncoderDecoder

METHODS = sorted(path.stem for path in (ROOT / 'configs/_base_/methods').glob('*.py'))


@functools.cache
def read(method: str, fast_path: bool) -> Sequence:
    return load_sequence(leaf(), {'method': method, 'fast_path': fast_path})


def build(sequence: Sequence) -> IncrementalEncoderDecoder:
    """Step 1 with its old model, on the CPU."""
    cfg = copy.deepcopy(sequence.step(1).config)
    model = MODELS.build(cfg.model)
    loop = cfg.default_hooks.incremental_loop
    if loop.old_model:
        model.set_old_model(MODELS.build(loop.old_model))
    if loop.survey:
        survey = TASK_UTILS.build(loop.survey)
        survey.start(model.channels)
        pictures, samples = torch.randn(1, 3, 64, 64), meta_batch(1)[1]
        samples[0].gt_sem_seg = PixelData(data=torch.zeros(1, 64, 64, dtype=torch.int64))
        survey.observe(model.labelled_batch(pictures, samples))
        model.statistics = {name: value.to('meta') for name, value in survey.finish().items()}
    return model


@pytest.mark.parametrize('fast_path', [True, False])
@pytest.mark.parametrize('method', METHODS)
def test_an_iteration_reads_no_value_from_the_device(method: str, fast_path: bool) -> None:
    sequence = read(method, fast_path)
    model = to_meta(build(sequence))
    pictures, samples = meta_batch()
    for sample in samples:
        sample.gt_distance_map = PixelData(data=torch.empty(1, 64, 64, device='meta'))
    losses = rehearse(model, pictures, samples)
    assert all(value.is_meta for value in losses.values())
    assert model.decode_head.conv_seg[-1].weight.grad.is_meta
    loop = sequence.step(1).config.default_hooks.incremental_loop
    if loop.get('importance'):
        importance = TASK_UTILS.build(dict(loop.importance))
        importance.start(model, {})
        for _ in range(2):
            importance.observe()
        after = TASK_UTILS.build(dict(loop.importance))
        after.start(model, importance.finish(), None)
        after.pull(1.0)
        assert all(value.is_meta for name, value in after.state().items() if '.' in name)
    parts = loop.after_step
    if parts:
        old = MODELS.build(sequence.step(0).config.model).to('meta').state_dict()
        for part in parts:
            TASK_UTILS.build(dict(part))(model, old, model.channels)
