"""DKD as its config puts it together."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.registry import MODELS, TASK_UTILS
from mmseg.structures import SegDataSample
from reference import method_inputs
from tiny import ROOT, tiny_sequence
from torch import nn
from toy_segmentor import ToySegmentor

from mmseg_incremental.models.channels import Channels
from mmseg_incremental.models.labelled_batch import LabelledBatch

METHOD = Config.fromfile(ROOT / 'configs/_base_/methods/dkd.py').method


def part_and_channels():
    part = method_inputs.build('shown')['dkd']
    return part, Channels(part['K'], part['Ct'], extra=('auxiliary',))


def ours(logits):
    """The authors' first channel, auxiliary, comes last, and an idle background first."""
    return torch.cat([torch.full_like(logits[:, :1], 7.0), logits[:, 1:], logits[:, :1]], 1)


def labels(part, channels):
    targets = TASK_UTILS.build(METHOD.targets)
    made, weight = targets(LabelledBatch(part['y'], None, channels))
    assert weight is None
    return made


@pytest.mark.parametrize(
    ('weight', 'mbce', 'gradient'),
    [(1, 1.7260046551245254, 0.124532605806608), (2, 1.9098303079376382, 0.142632873237150),
     (35, 7.976076850770368, None)],
)  # fmt: skip
def test_segmentation_loss_of_the_authors_code(weight, mbce, gradient):
    part, channels = part_and_channels()
    logits = ours(part['z']).requires_grad_()
    cfg = {**METHOD.loss, 'positive_weight': weight, 'num_old': channels.num_old}
    loss = MODELS.build(cfg)(logits, labels(part, channels))
    assert loss.item() == pytest.approx(mbce + 0.9308404629829943, rel=1e-9)
    (found,) = torch.autograd.grad(loss, logits)
    assert found[:, : channels.num_old].abs().max() == 0
    if gradient:
        assert found[:, : channels.num_classes].norm().item() == pytest.approx(gradient, rel=1e-9)


def test_whole_loss_of_the_authors_code():
    part, channels = part_and_channels()
    logits = ours(part['z'])
    total = MODELS.build({**METHOD.loss, 'num_old': channels.num_old})(
        logits, labels(part, channels)
    )
    on_logits, on_taps = (MODELS.build(cfg) for cfg in METHOD.distillation)
    total = total + on_logits(logits, ours(part['zo'])[:, : channels.num_old])
    student = dict(head=part['x'], classifier=part['w'][..., None, None])
    old = dict(head=part['xo'], classifier=part['wo'][..., None, None])
    # their weights have no row of the background
    student, old = (
        {**taps, 'classifier': torch.cat([torch.ones(1, 3, 1, 1), taps['classifier']])}
        for taps in (student, old)
    )
    total = total + on_taps.distil(student, old, channels)
    assert total.item() == pytest.approx(36.27893280084141, rel=1e-9)


def test_at_step_0_the_background_is_not_learnt():
    loss = MODELS.build({**METHOD.first_loss, 'num_old': 0})
    logits = torch.randn(2, 5, 3, 3, requires_grad=True)
    loss(logits, torch.randint(0, 4, (2, 3, 3))).backward()
    assert logits.grad[:, 0].abs().max() == 0
    assert logits.grad[:, 1:].abs().min() > 0


def test_the_auxiliary_channel_trains_itself_alone(shapes: Path, tmp_path: Path):
    sequence = tiny_sequence(shapes, tmp_path, 'dkd')
    for step in (0, 1):
        model = MODELS.build(sequence.step(step).config.model).train()
        features = torch.rand(2, 32, 4, 4, requires_grad=True)
        classifier = model.decode_head.conv_seg
        auxiliary = classifier(features)[:, -1]
        auxiliary.sum().backward()
        assert features.grad is None or features.grad.abs().max() == 0
        assert classifier.extra['auxiliary'].weight.grad.abs().min() > 0
        classifier.detached = frozenset()
        torch.testing.assert_close(classifier(features)[:, -1], auxiliary)


def test_the_old_logits_of_classes_are_distilled(shapes: Path, tmp_path: Path):
    sequence = tiny_sequence(shapes, tmp_path, 'dkd')
    config = sequence.step(1).config
    model = MODELS.build(config.model).train()
    model.set_old_model(MODELS.build(config.default_hooks.incremental_loop.old_model))
    torch.manual_seed(0)
    pictures, mask = torch.randn(2, 3, 64, 64), torch.zeros(1, 64, 64).long()
    samples = [SegDataSample(gt_sem_seg=PixelData(data=mask)) for _ in range(2)]
    losses = model.loss(pictures, samples)
    names = {'decode.loss_bce', 'distill.loss_sigmoid_kd', 'distill.loss_reasoning'}
    assert names <= set(losses)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    classifier = model.decode_head.conv_seg
    assert classifier[0].bias.grad[0] == 0, 'the background has no logit that is learnt'
    assert classifier[0].bias.grad[1:].abs().min() > 0
    frozen = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert not any(m.training or m.weight.requires_grad for m in frozen)


def test_dropout_is_off():
    model = ToySegmentor([3, 1])
    part = TASK_UTILS.build(dict(type='FreezeDropout'))
    part.apply(model)
    part.set_mode(model.train())
    assert not any(m.training for m in model.modules() if isinstance(m, (nn.Dropout, nn.Dropout2d)))
    assert model.decode_head.conv.training
