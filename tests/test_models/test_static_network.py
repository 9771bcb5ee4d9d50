"""Non-regression test of incremental BiSeNet, section 4: one step is the static BiSeNet."""

from pathlib import Path

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

from mmseg_incremental.apis import load_sequence
from mmseg_incremental.models import IncrementalClassifier, IncrementalEncoderDecoder

LEAF = Path(__file__).parents[2] / 'configs' / 'bisenet_r101_voc_offline.py'
CLASSES = 21
# the supervision maps and the feature fusion module have a fixed number of channels
CHANNELS = 32

pytestmark = pytest.mark.filterwarnings('ignore:Default ``avg_non_ignore`` is False')


def static_config():
    """BiSeNet-R18 as any user of mmseg writes it, with nothing of this package."""
    head = dict(
        type='FCNHead',
        num_classes=CLASSES,
        channels=CHANNELS,
        concat_input=False,
        dropout_ratio=0,
        norm_cfg=dict(type='BN'),
        loss_decode=dict(type='CrossEntropyLoss'),
    )
    return dict(
        type='EncoderDecoder',
        backbone=dict(
            type='BiSeNetV1',
            backbone_cfg=dict(
                type='mmpretrain.ResNet', depth=18, out_indices=(0, 1, 2, 3), style='pytorch'
            ),
            context_channels=(128, 256, 512),
            spatial_channels=(64, 64, 64, 128),
            out_channels=CHANNELS,
        ),
        decode_head=dict(head, in_channels=CHANNELS, in_index=0, num_convs=0),
        auxiliary_head=[dict(head, in_channels=128, in_index=i, num_convs=1) for i in (1, 2)],
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
    )


@pytest.fixture
def models():
    """The network of the offline leaf at step 0, and the static one with the same weights."""
    torch.manual_seed(0)
    static = MODELS.build(ConfigDict(static_config()))
    # fresh statistics hide a batch normalisation that is out of place, and leave signals too weak
    # to pass the network in evaluation mode: take those of a batch
    norms = [module for module in static.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        logits(static, batch()[0])
    for norm in norms:
        norm.momentum = 0.1
    cfg = load_sequence(LEAF, {'model': 'bisenet_r18', 'backbone_weights': None}).step(0).config
    incremental = MODELS.build(dict(cfg.model, fast_path=False))  # bit for bit, not to rounding
    incremental.load_state_dict(static.state_dict(), strict=True)
    return incremental, static


def batch():
    generator = torch.Generator().manual_seed(1)
    pictures = torch.randn(2, 3, 64, 96, generator=generator)
    labels = torch.randint(0, CLASSES, (2, 1, 64, 96), generator=generator)
    labels[:, :, :9] = 255
    return pictures, [SegDataSample(gt_sem_seg=PixelData(data=picture)) for picture in labels]


def logits(model, pictures):
    features = model.extract_feat(pictures)
    return [head(features) for head in (model.decode_head, *model.auxiliary_head)]


def gradients(model):
    """Gradients by the names of the static network, whose classifier is no list."""
    return {
        name.replace('conv_seg.0.', 'conv_seg.'): parameter.grad
        for name, parameter in model.named_parameters()
    }


def test_the_two_are_what_they_claim_to_be(models):
    incremental, static = models
    assert type(incremental) is IncrementalEncoderDecoder
    assert type(static) is EncoderDecoder
    for model, classifier in ((incremental, IncrementalClassifier), (static, nn.Conv2d)):
        for head in (model.decode_head, *model.auxiliary_head):
            assert type(head) is FCNHead
            assert type(head.conv_seg) is classifier


def test_state_has_the_keys_of_the_static_network(models):
    incremental, static = models
    state = incremental.state_dict()
    assert list(state) == list(static.state_dict())
    assert state['decode_head.conv_seg.weight'].shape == (CLASSES, CHANNELS, 1, 1)
    static.load_state_dict(state, strict=True)
    # it is strict: a key less is an error
    del state['auxiliary_head.1.conv_seg.bias']
    with pytest.raises(RuntimeError, match='Missing key'):
        incremental.load_state_dict(state, strict=True)


@pytest.mark.parametrize('training', [False, True], ids=['eval', 'train'])
def test_logits_of_all_heads_are_the_same(models, training):
    pictures, _ = batch()
    ours, theirs = (logits(model.train(training), pictures) for model in models)
    assert [tuple(value.shape) for value in ours] == [
        (2, CLASSES, 8, 12), (2, CLASSES, 8, 12), (2, CLASSES, 4, 6),
    ]  # fmt: skip
    for one, other in zip(ours, theirs, strict=True):
        assert one.std((0, 2, 3)).min() > 0.01, 'no head is blind'
        assert torch.equal(one, other)


def test_prediction_is_the_same(models):
    pictures, _ = batch()
    meta = [dict(img_shape=(64, 96), ori_shape=(64, 96))] * 2
    with torch.no_grad():
        ours, theirs = (model.eval().inference(pictures, meta) for model in models)
    assert ours.shape == (2, CLASSES, 64, 96)
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize('training', [False, True], ids=['eval', 'train'])
def test_losses_gradients_and_statistics_are_the_same(models, training):
    losses = []
    for model in models:
        model.train(training)
        losses.append(model.loss(*batch()))
        sum(value for name, value in losses[-1].items() if 'loss' in name).backward()
    ours, theirs = losses
    assert ours.keys() == theirs.keys()
    assert set(ours) == {
        f'{head}.{name}' for head in ('decode', 'aux_0', 'aux_1') for name in ('loss_ce', 'acc_seg')
    }
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    ours, theirs = (gradients(model) for model in models)
    assert ours.keys() == theirs.keys()
    assert all(gradient.any() for gradient in ours.values()), 'every parameter learns'
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    states = [model.state_dict() for model in models]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
