import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

from mmseg_incremental.models import IncrementalClassifier

UNBIASED = dict(type='UnbiasedCrossEntropy')


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def build(classes_per_step, loss_decode=UNBIASED, num_convs=1, **options):
    return MODELS.build(
        dict(
            type='BiSeNetIncrementalHead',
            in_channels=6,
            in_index=0,
            channels=8 if num_convs else 6,
            num_convs=num_convs,
            concat_input=False,
            dropout_ratio=0,
            norm_cfg=dict(type='BN') if num_convs else None,
            classes_per_step=classes_per_step,
            loss_decode=loss_decode,
            **options,
        )
    )


def plain_head(num_classes, num_convs=1):
    return FCNHead(
        in_channels=6,
        in_index=0,
        channels=8 if num_convs else 6,
        num_convs=num_convs,
        concat_input=False,
        dropout_ratio=0,
        norm_cfg=dict(type='BN') if num_convs else None,
        num_classes=num_classes,
    )


def samples(labels):
    return [SegDataSample(gt_sem_seg=PixelData(data=label[None])) for label in labels]


@pytest.mark.parametrize('num_convs', [0, 1])
def test_state_and_logits_are_those_of_a_plain_head(num_convs):
    head = build([4, 2, 1], num_convs=num_convs).eval()
    plain = plain_head(7, num_convs).eval()
    assert list(head.state_dict()) == list(plain.state_dict())
    plain.load_state_dict(head.state_dict(), strict=True)
    features = [torch.randn(2, 6, 5, 4)]
    assert torch.equal(plain(features), head(features))
    other = build([4, 2, 1], num_convs=num_convs).eval()
    other.load_state_dict(plain.state_dict(), strict=True)
    assert torch.equal(other(features), head(features))


def test_without_convolution_the_head_is_only_the_classifier():
    head = build([4, 2], num_convs=0)
    assert {name for name, _ in head.named_parameters()} == {
        'conv_seg.0.weight', 'conv_seg.0.bias', 'conv_seg.1.weight', 'conv_seg.1.bias',
    }  # fmt: skip


def test_supervision_map_keeps_its_channels_when_classes_are_added():
    for sizes in ([4], [4, 10], [4, 10, 30]):
        head = build(sizes)
        assert head.convs(torch.randn(2, 6, 3, 3)).shape[1] == 8
        assert head.num_classes == head.out_channels == sum(sizes)
        assert head([torch.randn(2, 6, 3, 3)]).shape == (2, sum(sizes), 3, 3)
        assert isinstance(head.conv_seg, IncrementalClassifier)
        assert head.conv_seg.classes_per_step == sizes


def test_without_steps_it_is_the_plain_head():
    torch.manual_seed(5)
    head = build(None, num_classes=7)
    torch.manual_seed(5)
    plain = plain_head(7)
    assert isinstance(head.conv_seg, nn.Conv2d)
    assert list(head.state_dict()) == list(plain.state_dict())
    assert all(map(torch.equal, head.state_dict().values(), plain.state_dict().values()))
    assert head.num_classes == head.out_channels == 7
    assert type(plain).__name__ == head.plain_type


def test_two_losses_are_both_there():
    losses = [UNBIASED, dict(type='CrossEntropyLoss', loss_weight=0.5)]
    head = build([4, 2], losses)
    result = head.loss_by_feat(torch.randn(2, 6, 8, 8), samples(torch.zeros(2, 8, 8).long()))
    assert set(result) == {'loss_unce', 'loss_ce', 'acc_seg'}


def test_init_weights_reaches_every_step():
    head = build([400, 200, 300])
    for conv in head.conv_seg:
        nn.init.constant_(conv.weight, 7.0)
        nn.init.constant_(conv.bias, 7.0)
    head.init_weights()
    for conv in head.conv_seg:  # mmseg starts a classifier at N(0, 0.01) without bias
        assert conv.weight.std().item() == pytest.approx(0.01, rel=0.1)
        assert conv.weight.mean().item() == pytest.approx(0, abs=1e-3)
        assert conv.bias.abs().max() == 0


@pytest.mark.parametrize('sizes', [[], [0], [4, 0], [4, 2, -1]])
def test_a_step_without_channel_is_refused(sizes):
    with pytest.raises(ValueError, match='at least one channel'):
        build(sizes)
