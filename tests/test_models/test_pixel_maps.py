import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

from mmseg_incremental.models.criterion import Criterion
from mmseg_incremental.models.criterion.full import pass_pixel_values
from mmseg_incremental.models.losses import distance_penalized_cross_entropy
from mmseg_incremental.models.pixel_batch import PixelBatch
from mmseg_incremental.models.pixel_maps import stack_pixel_map

DPCE = dict(type='DistancePenalizedCrossEntropy', num_old=4)
ENTROPY = dict(type='CrossEntropyLoss')


def sample(labels, values=None):
    result = SegDataSample(gt_sem_seg=PixelData(data=labels[None]))
    if values is not None:
        result.gt_distance_map = PixelData(data=values[None])
    return result


def batch(num_classes=6, size=(8, 9)):
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, num_classes, (2, *size), generator=generator)
    maps = torch.rand(2, *size, generator=generator)
    logits = torch.randn(2, num_classes, *size, generator=generator)
    return logits, labels, maps


# --- stacking -----------------------------------------------------------------------------------


def test_maps_of_small_crops_are_padded_with_0_at_the_right_and_bottom():
    whole, small = torch.full((3, 4), 0.5), torch.full((2, 1), 0.25)
    labels = torch.zeros(3, 4, dtype=torch.long)
    stacked = stack_pixel_map('distance_map', [sample(labels, whole), sample(labels, small)])
    assert stacked.tolist() == [
        [[0.5] * 4] * 3,
        [[0.25, 0, 0, 0], [0.25, 0, 0, 0], [0, 0, 0, 0]],
    ]


def test_preprocessor_pads_labels_with_void_where_the_map_is_0():
    preprocessor = MODELS.build(
        dict(type='SegDataPreProcessor', size=(5, 7), pad_val=0, seg_pad_val=255)
    )
    labels, values = torch.ones(3, 4, dtype=torch.long), torch.full((3, 4), 0.5)
    data = dict(inputs=[torch.zeros(3, 3, 4)], data_samples=[sample(labels, values)])
    samples = preprocessor(data, training=True)['data_samples']
    stacked = stack_pixel_map('distance_map', samples)
    padded = samples[0].gt_sem_seg.data
    assert padded.shape == stacked.shape == (1, 5, 7)
    assert torch.equal(stacked, 0.5 * (padded != 255))
    assert (padded == 255).sum() == 35 - 12


def test_batch_in_which_a_sample_lacks_the_map_has_none():
    labels = torch.zeros(2, 2, dtype=torch.long)
    samples = [sample(labels, torch.zeros(2, 2)), sample(labels)]
    assert stack_pixel_map('distance_map', samples) is None


# --- passing ------------------------------------------------------------------------------------


class Recorder(nn.Module):
    def forward(self, *args, **kwargs):
        self.seen = args, kwargs


def test_only_losses_that_ask_get_maps_and_only_in_the_context():
    _, labels, maps = batch()
    samples = [sample(*pair) for pair in zip(labels, maps, strict=True)]
    plain, taking = Recorder(), Recorder()
    taking.pixel_maps = ('distance_map', 'other_map')
    with pass_pixel_values([plain, taking], PixelBatch.from_samples(samples)):
        for loss in (plain, taking):
            loss(1, weight=2)
    assert plain.seen == ((1,), {'weight': 2})
    args, kwargs = taking.seen
    assert args == (1,)
    assert list(kwargs) == ['weight', 'distance_map', 'other_map']
    assert torch.equal(kwargs['distance_map'], maps)
    assert kwargs['other_map'] is None
    taking(3)
    assert taking.seen == ((3,), {})


def test_hooks_are_removed_after_an_error():
    loss = MODELS.build(DPCE)
    data = PixelBatch.from_samples([sample(torch.zeros(1, 1))])
    with pytest.raises(KeyError), pass_pixel_values([loss], data):
        raise KeyError
    assert not loss._forward_pre_hooks


def test_a_map_is_stacked_once_for_all_heads():
    _, labels, maps = batch()
    data = PixelBatch.from_samples([sample(*pair) for pair in zip(labels, maps, strict=True)])
    assert torch.equal(data.target, labels)
    assert data.size == (8, 9)
    first = data.map('distance_map')
    assert torch.equal(first, maps)
    assert data.map('distance_map') is first
    assert data.map('other_map') is None


# --- the criterion ------------------------------------------------------------------------------


def losses_of(loss_decode, logits, samples, **options):
    """Losses by the criterion without and with the fast path, which agree."""
    head = FCNHead(
        in_channels=6, channels=6, num_convs=0, concat_input=False, num_classes=6,
        loss_decode=loss_decode, **options,
    )  # fmt: skip
    data = PixelBatch.from_samples(samples)
    found, plain = (Criterion(fast_path)(head, logits, data)[0] for fast_path in (True, False))
    assert found.keys() == plain.keys()
    for name, value in plain.items():
        torch.testing.assert_close(found[name].squeeze(), value.squeeze(), rtol=1e-6, atol=1e-7)
    return plain


def test_the_map_of_the_samples_reaches_the_loss():
    logits, labels, maps = batch()
    samples = [sample(*pair) for pair in zip(labels, maps, strict=True)]
    losses = losses_of(DPCE, logits, samples)
    assert set(losses) == {'loss_dpce', 'acc_seg'}
    expected = distance_penalized_cross_entropy(logits, labels, num_old=4, distance_map=maps)
    torch.testing.assert_close(losses['loss_dpce'], expected, rtol=0, atol=0)


def test_an_absent_map_is_left_to_the_loss():
    logits, labels, _ = batch()
    losses = losses_of(DPCE, logits, [sample(picture) for picture in labels])
    expected = distance_penalized_cross_entropy(logits, labels, num_old=4)
    torch.testing.assert_close(losses['loss_dpce'], expected, rtol=0, atol=0)


@pytest.mark.filterwarnings('ignore:Default ``avg_non_ignore`` is False')
@pytest.mark.parametrize('sampler', [None, dict(type='OHEMPixelSampler', thresh=0.1, min_kept=20)])
def test_other_losses_beside_it_are_those_of_mmseg(sampler):
    logits, labels, maps = batch(size=(4, 4))
    labels = labels.repeat_interleave(2, 1).repeat_interleave(2, 2)
    maps = maps.repeat_interleave(2, 1).repeat_interleave(2, 2)
    samples = [sample(*pair) for pair in zip(labels, maps, strict=True)]
    # one name twice: mmseg adds the two
    others = [
        ENTROPY,
        dict(**ENTROPY, avg_non_ignore=True, loss_name='loss_valid'),
        dict(**ENTROPY, loss_weight=0.5),
    ]
    options = dict(in_channels=6, channels=6, num_convs=0, concat_input=False, num_classes=6)
    plain = FCNHead(loss_decode=others, sampler=sampler, **options)
    expected = plain.loss_by_feat(logits, samples)
    losses = losses_of([*others, DPCE], logits, samples, sampler=sampler)
    dpce = losses.pop('loss_dpce')
    assert losses.keys() == expected.keys() == {'loss_ce', 'loss_valid', 'acc_seg'}
    assert all(torch.equal(losses[name], expected[name]) for name in expected)
    if sampler:  # the weight of a pixel sampler reaches it as well
        assert dpce < losses_of(DPCE, logits, samples)['loss_dpce']


@pytest.mark.filterwarnings('ignore:Default ``avg_non_ignore`` is False')
def test_sum_with_plain_cross_entropy_has_the_sum_of_the_gradients():
    logits, labels, maps = batch()
    samples = [sample(*pair) for pair in zip(labels, maps, strict=True)]

    def gradient(loss_decode):
        scores = logits.clone().requires_grad_()
        losses = losses_of(loss_decode, scores, samples)
        sum(value for name, value in losses.items() if 'loss' in name).backward()
        return scores.grad

    both = gradient([ENTROPY, DPCE])
    torch.testing.assert_close(both, gradient(ENTROPY) + gradient(DPCE))


def test_relabelled_pictures_leave_the_samples_of_the_batch_alone():
    labels = torch.tensor([[[0, 1], [2, 255]]])
    sample = SegDataSample(gt_sem_seg=PixelData(data=labels.clone()))
    sample.gt_distance_map = PixelData(data=torch.ones(1, 2, 2))
    batch = PixelBatch.from_samples([sample])
    weight = torch.full((1, 1, 1), 0.5)
    made = batch.relabelled(torch.tensor([[[3, 1], [2, 255]]]), weight)
    assert made.target.tolist() == [[[3, 1], [2, 255]]]
    assert made.samples[0].gt_sem_seg.data.tolist() == [[[3, 1], [2, 255]]]
    assert made.weight is weight
    assert made.map('distance_map').tolist() == [[[1.0, 1.0], [1.0, 1.0]]]
    assert sample.gt_sem_seg.data.tolist() == labels.tolist()
    assert batch.target.tolist() == labels.tolist()
