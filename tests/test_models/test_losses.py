import importlib
import inspect
import math

import numpy as np
import pytest
import reference.losses as loops
import torch
from loss_tester import DistillationLossTester, PixelDistillationTester, SegmentationLossTester
from mmseg.registry import MODELS
from torch.autograd import gradcheck
from torch.nn import functional as F

from mmseg_incremental.models import losses
from mmseg_incremental.models.losses import (
    distance_penalized_cross_entropy,
    feature_distillation,
    focal_unbiased_cross_entropy,
    knowledge_distillation,
    sigmoid_cross_entropy,
    unbiased_cross_entropy,
    unbiased_cross_entropy_map,
    unbiased_knowledge_distillation,
)
from mmseg_incremental.utils import imports

SEGMENTATION = [
    unbiased_cross_entropy,
    focal_unbiased_cross_entropy,
    distance_penalized_cross_entropy,
]
SEGMENTATION_CLASSES = [
    'UnbiasedCrossEntropy',
    'FocalUnbiasedCrossEntropy',
    'DistancePenalizedCrossEntropy',
]
DISTILLATION = [knowledge_distillation, unbiased_knowledge_distillation]
NUM_OLD = 4


def golden_inputs():
    logits = 2 * torch.sin(torch.arange(72, dtype=torch.float64)).reshape(2, 6, 2, 3)
    old_logits = 1.5 * torch.cos(0.7 * torch.arange(48, dtype=torch.float64)).reshape(2, 4, 2, 3)
    target = torch.tensor([[[0, 4, 5], [0, 255, 4]], [[5, 0, 0], [4, 4, 0]]])
    return logits, old_logits, target


def random_inputs(seed, num_channels=7, size=(2, 6, 5), dtype=torch.float64):
    """Logits, old logits and labels of all classes, a sixth of them ignored."""
    generator = torch.Generator().manual_seed(seed)
    num, height, width = size
    logits = 3 * torch.randn(num, num_channels, height, width, generator=generator, dtype=dtype)
    old_logits = 3 * torch.randn(num, NUM_OLD, height, width, generator=generator, dtype=dtype)
    target = torch.randint(0, num_channels, size, generator=generator)
    target[torch.rand(size, generator=generator) < 1 / 6] = 255
    return logits, old_logits, target


def log_probabilities(*probabilities):
    """Logits of one pixel whose softmax is the given one."""
    return torch.tensor(probabilities, dtype=torch.float64).log().reshape(1, -1, 1, 1)


# Golden values of reference.md, from the reference code


def test_golden_unbiased_cross_entropy():
    logits, _, target = golden_inputs()
    mean_all = unbiased_cross_entropy(logits, target, NUM_OLD)
    mean_valid = unbiased_cross_entropy(logits, target, NUM_OLD, avg_non_ignore=True)
    assert mean_all.item() == pytest.approx(1.212135977954561, abs=1e-12)
    assert mean_valid.item() == pytest.approx(1.3223301577686117, abs=1e-12)


def test_golden_distillation():
    logits, old_logits, _ = golden_inputs()
    unbiased = unbiased_knowledge_distillation(logits, old_logits)
    assert unbiased.item() == pytest.approx(0.4549340865218565, abs=1e-12)
    plain = knowledge_distillation(logits, old_logits)
    assert plain.item() == pytest.approx(0.3809238328, abs=1e-9)


@pytest.mark.parametrize(
    ('alpha', 'gamma', 'avg_non_ignore', 'value'),
    [
        (1, 2, False, 0.8390474557),
        (1, 2, True, 0.9153244971),
        (1, 1, False, 0.9848519704),
        (2, 1.5, False, 1.8109607282),
    ],
)
def test_golden_focal_unbiased_cross_entropy(alpha, gamma, avg_non_ignore, value):
    logits, _, target = golden_inputs()
    loss = focal_unbiased_cross_entropy(
        logits, target, NUM_OLD, alpha, gamma, avg_non_ignore=avg_non_ignore
    )
    assert loss.item() == pytest.approx(value, abs=1e-9)


def incremental_target():
    """Labels of reference-methods.md, section 10: background, two new classes and void."""
    target = torch.zeros(40, dtype=torch.long)
    index = torch.arange(40)
    for period, rest, label in ((7, 3, 4), (9, 4, 5), (13, 6, 255)):
        target[index % period == rest] = label
    return target.reshape(2, 4, 5)


def sine(*shape):
    return (2 * torch.sin(torch.arange(math.prod(shape), dtype=torch.float64))).reshape(shape)


@pytest.mark.parametrize(
    ('positive_weight', 'value', 'norm'),
    [
        (1, 1.7260046551245254, 0.124532605806608),
        (2, 1.9098303079376382, 0.142632873237150),
        (35, 7.976076850770368, None),
    ],
)
def test_golden_binary_cross_entropy_of_the_new_channels(positive_weight, value, norm):
    """The modified binary cross-entropy of DKD, to which void is one more negative."""
    logits, target = sine(2, 6, 4, 5).requires_grad_(), incremental_target()
    target[target == 255] = 0
    loss = sigmoid_cross_entropy(logits, target, 4, positive_weight=positive_weight)
    assert loss.item() == pytest.approx(value, abs=1e-9)
    if norm:
        (gradient,) = torch.autograd.grad(loss, logits)
        assert gradient.norm().item() == pytest.approx(norm, abs=1e-9)


def test_golden_binary_cross_entropy_of_all_channels():
    """The loss of SSUL on the labels that its authors' code assembles."""
    v = 255
    first = [[0, 4, 3, 5, 6], [2, v, 1, 1, 0], [5, 3, 3, 6, 2], [0, 1, 5, 0, v]]
    second = [[4, 3, 6, 2, 5], [1, 1, 0, 1, 4], [3, 6, v, 2, 1], [1, 0, 1, 5, 3]]
    logits, target = sine(2, 7, 4, 5).requires_grad_(), torch.tensor([first, second])
    loss = sigmoid_cross_entropy(logits, target, avg_non_ignore=True)
    assert loss.item() == pytest.approx(6.4815671765081815, abs=1e-9)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.norm().item() == pytest.approx(0.251537446285077, abs=1e-9)


# Answers computed by hand


def test_kept_labels_of_old_classes_are_learnt_by_hand():
    logits = log_probabilities(0.5, 0.2, 0.3).expand(1, 3, 1, 4)
    target = torch.tensor([[[0, 1, 2, 255]]])
    expected = [-math.log(0.7), -math.log(0.2), -math.log(0.3), 0]
    loss = unbiased_cross_entropy_map(logits, target, num_old=2, old_labels='kept')
    assert loss.flatten().tolist() == pytest.approx(expected, abs=1e-12)
    total = sum(expected) / 4
    loss = unbiased_cross_entropy(logits, target, num_old=2, old_labels='kept')
    assert loss.item() == pytest.approx(total, abs=1e-12)
    focal = sum((1 - math.exp(-value)) * value for value in expected) / 4
    loss = focal_unbiased_cross_entropy(logits, target, 2, gamma=1.0, old_labels='kept')
    assert loss.item() == pytest.approx(focal, abs=1e-12)
    # beside a kept old class background has a boundary
    near = 1 + math.exp(-1 / 5)
    logits, target = logits[..., :2], target[..., :2]
    loss = distance_penalized_cross_entropy(logits, target, num_old=2, old_labels='kept')
    assert loss.item() == pytest.approx(near * sum(expected[:2]) / 2, rel=1e-7)


def test_class_weights_follow_the_labels_as_they_are_read():
    logits = log_probabilities(0.5, 0.2, 0.3).expand(1, 3, 1, 3)
    target = torch.tensor([[[0, 1, 2]]])
    for old_labels, factors in (('background', (2, 2, 5)), ('kept', (2, 3, 5))):
        loss = losses.UnbiasedCrossEntropy(
            num_old=2, old_labels=old_labels, class_weight=[2, 3, 5, 7]
        )
        second = 0.7 if old_labels == 'background' else 0.2
        pixels = zip(factors, (0.7, second, 0.3), strict=True)
        expected = sum(-factor * math.log(prob) for factor, prob in pixels) / 3
        assert loss(logits, target).item() == pytest.approx(expected, abs=1e-12)


def test_binary_cross_entropy_by_hand():
    logits = torch.tensor([0.0, math.log(3), -math.log(4)], dtype=torch.float64)
    logits = logits.reshape(1, 3, 1, 1).expand(1, 3, 1, 3)
    target = torch.tensor([[[1, 2, 255]]])
    yes = [0.5, 0.75, 0.2]  # what the sigmoids say
    first = -math.log(0.5) - 3 * math.log(0.75) - math.log(0.8)
    second = -math.log(0.5) - math.log(0.25) - 3 * math.log(0.2)
    assert logits[0, :, 0, 0].sigmoid().tolist() == pytest.approx(yes)
    loss = sigmoid_cross_entropy(logits, target, positive_weight=3.0)
    assert loss.item() == pytest.approx((first + second) / 3, abs=1e-12)
    new = -math.log(0.8) - 3 * math.log(0.2)
    loss = sigmoid_cross_entropy(
        logits, target, first_channel=2, avg_non_ignore=True, positive_weight=3.0
    )
    assert loss.item() == pytest.approx(new / 2, abs=1e-12)


def test_binary_cross_entropy_of_certain_channels_keeps_its_digits():
    logits = torch.tensor([40.0, -40.0]).reshape(1, 2, 1, 1)
    loss = sigmoid_cross_entropy(logits, torch.tensor([[[0]]]))
    assert loss.item() == pytest.approx(2 * math.exp(-40), rel=1e-5)


def test_unbiased_cross_entropy_by_hand():
    logits = log_probabilities(0.5, 0.2, 0.3).expand(1, 3, 1, 4)
    target = torch.tensor([[[0, 1, 2, 255]]])
    expected = [-math.log(0.7), -math.log(0.7), -math.log(0.3), 0]
    loss = unbiased_cross_entropy_map(logits, target, num_old=2)
    assert loss.flatten().tolist() == pytest.approx(expected, abs=1e-12)


def test_focal_by_hand():
    logits = log_probabilities(0.5, 0.25, 0.25)
    loss = focal_unbiased_cross_entropy(logits, torch.tensor([[[0]]]), 2, alpha=3.0, gamma=0.5)
    assert loss.item() == pytest.approx(3 * math.sqrt(0.25) * -math.log(0.75), abs=1e-12)


def test_distillation_by_hand():
    logits = log_probabilities(0.2, 0.3, 0.5)
    old_logits = log_probabilities(0.6, 0.4)
    plain = -(0.6 * math.log(0.2 / 0.5) + 0.4 * math.log(0.3 / 0.5)) / 2
    unbiased = -(0.6 * math.log(0.2 + 0.5) + 0.4 * math.log(0.3)) / 2
    assert knowledge_distillation(logits, old_logits).item() == pytest.approx(plain, abs=1e-12)
    assert unbiased_knowledge_distillation(logits, old_logits).item() == pytest.approx(
        unbiased, abs=1e-12
    )


def test_distance_penalized_by_hand():
    logits = log_probabilities(0.5, 0.2, 0.3).expand(1, 3, 1, 4)
    target = torch.tensor([[[0, 0, 255, 2]]])
    weights = [1 + math.exp(-3 / 2), 1 + math.exp(-2 / 2), 0, 1 + math.exp(-2 / 2)]
    pixels = [-math.log(0.5), -math.log(0.5), 0, -math.log(0.3)]
    total = sum(w * p for w, p in zip(weights, pixels, strict=True))
    loss = distance_penalized_cross_entropy(logits, target, sigma=2.0)
    assert loss.item() == pytest.approx(total / 4, rel=1e-7)  # the map is float32
    loss = distance_penalized_cross_entropy(logits, target, avg_non_ignore=True, sigma=2.0)
    assert loss.item() == pytest.approx(total / 3, rel=1e-7)


def test_given_distance_map_takes_the_place_of_the_computed_one():
    logits = log_probabilities(0.5, 0.2, 0.3).expand(1, 3, 1, 4)
    target = torch.tensor([[[0, 1, 255, 2]]])
    distance_map = torch.tensor([[[0.0, 0.25, 0.5, 1.0]]])
    plain = [-math.log(0.5), -math.log(0.2), 0, -math.log(0.3)]
    unbiased = [-math.log(0.7), -math.log(0.7), 0, -math.log(0.3)]
    for num_old, pixels in [(0, plain), (1, plain), (2, unbiased)]:
        total = pixels[0] + 1.25 * pixels[1] + 2 * pixels[3]
        loss = distance_penalized_cross_entropy(
            logits, target, num_old, distance_map=distance_map, sigma=math.nan
        )
        assert loss.item() == pytest.approx(total / 4, abs=1e-12)
    weight = torch.tensor([[[0.0, 0.0, 1.0, 3.0]]])
    loss = distance_penalized_cross_entropy(
        logits, target, weight=weight, distance_map=distance_map
    )
    assert loss.item() == pytest.approx(3 * 2 * -math.log(0.3) / 4, abs=1e-12)


def test_distance_is_taken_after_merging_old_classes():
    logits = log_probabilities(0.5, 0.2, 0.3).expand(1, 3, 1, 2)
    target = torch.tensor([[[0, 1]]])
    merged = distance_penalized_cross_entropy(logits, target, num_old=2)
    assert merged.item() == pytest.approx(-math.log(0.7), abs=1e-12)


def test_feature_distillation_by_hand():
    features = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    old_features = torch.tensor([[1.0, 0.0], [0.0, 5.0]])
    assert feature_distillation(features, old_features).item() == pytest.approx((4 + 9 + 1) / 4)


# Independent NumPy loops


@pytest.mark.parametrize('old_labels', ['background', 'kept'])
@pytest.mark.parametrize('avg_non_ignore', [False, True])
@pytest.mark.parametrize('num_old', [0, 1, 2, NUM_OLD, 7])
@pytest.mark.parametrize('seed', range(2))
def test_segmentation_losses_equal_loops(seed, num_old, avg_non_ignore, old_labels):
    logits, _, target = random_inputs(seed)
    arrays = logits.numpy(), target.numpy()
    options = {'avg_non_ignore': avg_non_ignore, 'old_labels': old_labels}
    merged = 0 if old_labels == 'kept' else num_old
    pairs = [
        (
            unbiased_cross_entropy_map(logits, target, num_old, old_labels=old_labels),
            loops.unbiased_pixel_losses(*arrays, num_old, old_labels=old_labels),
        ),
        (
            unbiased_cross_entropy(logits, target, num_old, **options),
            loops.unbiased_cross_entropy(*arrays, num_old, **options),
        ),
        (
            focal_unbiased_cross_entropy(logits, target, num_old, 1.7, 1.3, **options),
            loops.focal_unbiased_cross_entropy(*arrays, num_old, 1.7, 1.3, **options),
        ),
        (
            distance_penalized_cross_entropy(
                logits,
                target,
                num_old,
                distance_map=torch.from_numpy(loops.merged_distance_map(target, merged, 1.5)),
                **options,
            ),
            loops.distance_penalized_cross_entropy(*arrays, num_old, 1.5, **options),
        ),
    ]
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=1e-10)
    # left to itself the loss makes the map in float32
    own_map = distance_penalized_cross_entropy(logits, target, num_old, sigma=1.5, **options)
    np.testing.assert_allclose(own_map.numpy(), pairs[-1][1], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize('avg_non_ignore', [False, True])
@pytest.mark.parametrize('first_channel', [0, 1, NUM_OLD, 7])
def test_binary_cross_entropy_equals_loops(first_channel, avg_non_ignore):
    logits, _, target = random_inputs(0)
    options = dict(avg_non_ignore=avg_non_ignore, positive_weight=1.7)
    found = sigmoid_cross_entropy(logits, target, first_channel, **options)
    expected = loops.sigmoid_cross_entropy(logits.numpy(), target.numpy(), first_channel, **options)
    assert found.item() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize('num_channels', [NUM_OLD, NUM_OLD + 1, 7])
@pytest.mark.parametrize('seed', range(3))
def test_distillation_losses_equal_loops(seed, num_channels):
    logits, old_logits, _ = random_inputs(seed, num_channels)
    for loss in [*DISTILLATION, feature_distillation]:
        student = logits[:, :NUM_OLD] if loss is feature_distillation else logits
        expected = getattr(loops, loss.__name__)(student.numpy(), old_logits.numpy())
        assert loss(student, old_logits).item() == pytest.approx(expected, abs=1e-10)


# Properties


@pytest.mark.parametrize('num_old', [0, 1])
@pytest.mark.parametrize('avg_non_ignore', [False, True])
def test_one_old_class_is_plain_cross_entropy(num_old, avg_non_ignore):
    logits, _, target = random_inputs(0)
    loss = unbiased_cross_entropy(logits, target, num_old, avg_non_ignore=avg_non_ignore)
    expected = F.cross_entropy(logits, target, ignore_index=255, reduction='sum')
    count = (target != 255).sum() if avg_non_ignore else target.numel()
    torch.testing.assert_close(loss, expected / count, rtol=0, atol=1e-12)


def test_focal_with_gamma_0_is_unbiased_cross_entropy():
    logits, _, target = random_inputs(1)
    logits.requires_grad_()
    unbiased = unbiased_cross_entropy(logits, target, NUM_OLD)
    focal = focal_unbiased_cross_entropy(logits, target, NUM_OLD, alpha=1.0, gamma=0.0)
    assert focal.item() == unbiased.item()
    gradients = [torch.autograd.grad(loss, logits)[0] for loss in (unbiased, focal)]
    torch.testing.assert_close(*gradients, rtol=0, atol=0)


@pytest.mark.parametrize('loss', SEGMENTATION)
def test_other_ignore_index_and_labels_of_old_classes(loss):
    logits, _, target = random_inputs(2)
    expected = loss(logits, target, NUM_OLD)
    old_as_background = torch.where(target < NUM_OLD, 0, target)
    assert loss(logits, old_as_background, NUM_OLD).item() == expected.item()
    below_zero = torch.where(target == 255, -100, target)
    assert loss(logits, below_zero, NUM_OLD, ignore_index=-100).item() == expected.item()
    among_old = torch.where(target == 255, 2, old_as_background)
    assert loss(logits, among_old, NUM_OLD, ignore_index=2).item() == expected.item()


@pytest.mark.parametrize('loss', SEGMENTATION)
def test_segmentation_losses_are_invariant(loss):
    logits, _, target = random_inputs(3)
    expected = loss(logits, target, NUM_OLD)
    shift = torch.randn(2, 1, 6, 5, dtype=torch.float64)
    torch.testing.assert_close(loss(logits + shift, target, NUM_OLD), expected)
    # Background may be any of the old channels, and new classes may change places.
    order = torch.tensor([2, 0, 3, 1, 5, 6, 4])
    place = order.argsort()
    permuted = torch.where(target == 255, 255, place[target.clamp(max=6)])
    torch.testing.assert_close(loss(logits[:, order], permuted, NUM_OLD), expected)


@pytest.mark.parametrize('loss', DISTILLATION)
def test_distillation_losses_are_invariant(loss):
    logits, old_logits, _ = random_inputs(3)
    expected = loss(logits, old_logits)
    shift = torch.randn(2, 1, 6, 5, dtype=torch.float64)
    torch.testing.assert_close(loss(logits + shift, old_logits - 2 * shift), expected)
    order = [0, 2, 3, 1]
    swapped = logits[:, [*order, 6, 4, 5]]
    torch.testing.assert_close(loss(swapped, old_logits[:, order]), expected)


def test_unbiased_distillation_without_new_class_is_plain():
    logits, old_logits, _ = random_inputs(4, num_channels=NUM_OLD)
    torch.testing.assert_close(
        unbiased_knowledge_distillation(logits, old_logits),
        knowledge_distillation(logits, old_logits),
        rtol=0,
        atol=1e-12,
    )


def test_distillation_of_background_alone():
    logits, old_logits, _ = random_inputs(4)
    for loss in DISTILLATION:
        assert loss(logits, old_logits[:, :1]).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize('num_new', [1, 3])
def test_background_initialisation_is_the_floor_of_unbiased_distillation(num_new):
    _, old_logits, _ = random_inputs(5)
    spread = old_logits[:, :1] - math.log(num_new + 1)
    logits = torch.cat([spread, old_logits[:, 1:], spread.expand(-1, num_new, -1, -1)], 1)
    logits.requires_grad_()
    prob = old_logits.softmax(1)
    entropy = -(prob * prob.log()).sum(1).mean()

    floor = unbiased_knowledge_distillation(logits, old_logits)
    assert floor.item() == pytest.approx(entropy.item() / NUM_OLD, abs=1e-12)
    (gradient,) = torch.autograd.grad(floor, logits)
    assert gradient.abs().max() < 1e-15
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        noise = torch.randn(logits.shape, generator=generator, dtype=logits.dtype)
        assert unbiased_knowledge_distillation(logits + noise, old_logits) > floor
    # The merged background equals the old one, which is what UNCE sees of it.
    target = torch.zeros(2, 6, 5, dtype=torch.long)
    merged = logits[:, [0, *range(NUM_OLD, NUM_OLD + num_new)]].logsumexp(1)
    torch.testing.assert_close(merged, old_logits[:, 0])
    old_kinds = unbiased_cross_entropy(logits, target, NUM_OLD)
    expected = -(1 - prob[:, 0] * num_new / (num_new + 1)).log().mean()
    assert old_kinds.item() == pytest.approx(expected.item(), abs=1e-12)


def test_focal_never_exceeds_unbiased_and_falls_with_gamma():
    logits, _, target = random_inputs(6)
    values = [
        focal_unbiased_cross_entropy(logits, target, NUM_OLD, gamma=gamma).item()
        for gamma in (0, 0.5, 1, 2, 5)
    ]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == len(values)


# Gradients


@pytest.mark.parametrize('num_channels', [NUM_OLD, 6])
@pytest.mark.parametrize('loss', DISTILLATION)
def test_gradcheck_of_distillation_losses(loss, num_channels):
    logits, old_logits, _ = random_inputs(9, num_channels, size=(1, 2, 3))
    assert gradcheck(lambda z: loss(z, old_logits), logits.requires_grad_())


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('gamma', [0.01, 0.5, 0.999])
def test_focal_gradient_is_finite_where_the_model_is_certain(gamma, dtype):
    # Certain and right (p = 1 exactly, or above 1 by rounding), certain and wrong, ignored.
    logits = torch.tensor(
        [[800.0, 0, 0], [0.1, 0.2, -40], [0, 800.0, 0], [800.0, 0, 0]], dtype=dtype
    )
    logits = logits.T.reshape(1, 3, 1, 4).requires_grad_()
    target = torch.tensor([[[0, 0, 2, 255]]])
    loss = focal_unbiased_cross_entropy(logits, target, 2, gamma=gamma)
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()
    torch.testing.assert_close(logits.grad[0, :, 0, 2], torch.tensor([0, 0.25, -0.25], dtype=dtype))
    assert not logits.grad[..., 3].any()


def test_focal_survives_a_probability_above_1(monkeypatch):
    # The order of summation may put a loss a rounding error below 0, on few pixels and devices.
    module = importlib.import_module(focal_unbiased_cross_entropy.__module__)
    monkeypatch.setattr(module, 'unbiased_cross_entropy_map', lambda logits, *_: logits[:, 0])
    logits = torch.tensor([-2e-6, 0.0, 2e-6]).reshape(1, 1, 1, 3).requires_grad_()
    loss = focal_unbiased_cross_entropy(logits, torch.zeros(1, 1, 3), 1, gamma=0.5)
    loss.backward()
    assert loss.item() == pytest.approx(2e-6**1.5 / 3, rel=1e-4)
    assert logits.grad.isfinite().all()


# What holds for every loss


@pytest.mark.parametrize(
    'config',
    [
        dict(type='UnbiasedCrossEntropy'),
        dict(type='UnbiasedCrossEntropy', num_old=1, loss_weight=2.0),
        dict(type='UnbiasedCrossEntropy', num_old=4, class_weight=[0.3, 1, 2, 3, 0.7, 5, 6]),
        dict(type='UnbiasedCrossEntropy', num_old=4, old_labels='kept'),
        dict(type='FocalUnbiasedCrossEntropy', num_old=4),
        dict(type='FocalUnbiasedCrossEntropy', num_old=4, gamma=0.5, alpha=2.0),
        dict(type='FocalUnbiasedCrossEntropy', num_old=4, gamma=1.5, old_labels='kept'),
        dict(type='DistancePenalizedCrossEntropy', num_old=4),
        dict(type='DistancePenalizedCrossEntropy', num_old=4, old_labels='kept'),
        dict(type='SigmoidCrossEntropy'),
        dict(type='SigmoidCrossEntropy', positive_weight=2.5, class_weight=[1, 2, 3, 4, 5, 6, 7]),
        dict(type='SigmoidCrossEntropy', num_old=4, channels='new', positive_weight=0.5),
    ],
    ids=lambda config: '-'.join(str(value) for value in config.values()),
)
class TestSegmentationLosses(SegmentationLossTester):
    pass


@pytest.mark.parametrize(
    'config',
    [
        dict(type='KnowledgeDistillation'),
        dict(type='UnbiasedKnowledgeDistillation', loss_weight=10.0),
        dict(type='KnowledgeDistillation', module='auxiliary_head.0'),
    ],
    ids=lambda config: '-'.join(str(value) for value in config.values()),
)
class TestDistillationOfLogits(PixelDistillationTester):
    pass


@pytest.mark.parametrize(
    'config', [dict(type='FeatureDistillation', module='neck', loss_weight=100.0)]
)
class TestFeatureDistillation(DistillationLossTester):
    pass


# Half precision


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_autocast_network_is_close_to_float32(dtype):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 8, 6, 5, generator=generator)
    kernel = torch.randn(7, 8, 1, 1, generator=generator)
    _, old_logits, target = random_inputs(14, dtype=torch.float32)
    for loss in [*SEGMENTATION, *DISTILLATION]:
        arguments = (target, NUM_OLD) if loss in SEGMENTATION else (old_logits,)
        with torch.autocast('cpu', dtype=dtype):
            logits = F.conv2d(features, kernel)
            assert logits.dtype == dtype
            value = loss(logits, *arguments)
        expected = loss(F.conv2d(features, kernel), *arguments)
        assert value.item() == pytest.approx(expected.item(), rel=1e-2)


# Registered classes


def test_only_the_distance_penalized_class_takes_a_map():
    logits, _, target = random_inputs(15)
    distance_map = torch.rand(target.shape, generator=torch.Generator().manual_seed(0))
    for name in SEGMENTATION_CLASSES:
        module = MODELS.build({'type': name, 'loss_weight': 3.0})
        value = module(logits, target, distance_map=distance_map, other=1)
        if name != 'DistancePenalizedCrossEntropy':
            assert module.pixel_maps == ()
            assert module.transforms() == []
            assert value.item() == module(logits, target).item()
            continue
        assert module.pixel_maps == ('distance_map',)
        expected = distance_penalized_cross_entropy(logits, target, distance_map=distance_map)
        assert value.item() == pytest.approx(3 * expected.item(), abs=1e-12)
        assert value.item() != pytest.approx(module(logits, target).item(), rel=1e-3)


def test_transforms_of_the_distance_penalized_class():
    config = {'type': 'DistancePenalizedCrossEntropy', 'sigma': 2.5, 'num_old': 4}
    transform = dict(type='AddDistanceMap', sigma=2.5, num_old=4)
    assert MODELS.build(config).transforms() == [transform]
    config['old_labels'] = 'kept'
    assert MODELS.build(config).transforms() == [dict(transform, num_old=0)]


@pytest.mark.filterwarnings('ignore:Default ``avg_non_ignore`` is False')
@pytest.mark.parametrize('avg_non_ignore', [False, True])
@pytest.mark.parametrize('name', SEGMENTATION_CLASSES)
def test_pixel_weights_follow_mmseg(name, avg_non_ignore):
    logits, _, target = random_inputs(16, dtype=torch.float32)
    module = MODELS.build({'type': name, 'avg_non_ignore': avg_non_ignore})
    weight = torch.rand(target.shape, generator=torch.Generator().manual_seed(0))
    if name == 'UnbiasedCrossEntropy':
        mmseg = MODELS.build({'type': 'mmseg.CrossEntropyLoss', 'avg_non_ignore': avg_non_ignore})
        expected = mmseg(logits, target, weight=weight, ignore_index=255)
        assert module(logits, target, weight).item() == pytest.approx(expected.item(), rel=1e-6)
    # A weight of 0 takes a pixel out as ignoring it does, but for the divisor.
    keep = (torch.arange(5) > 1).expand_as(target)
    value = module(logits, target, weight=keep.float())
    logits = logits.masked_fill(~keep.unsqueeze(1), 7.0)
    assert module(logits, target, weight=keep.float()).item() == pytest.approx(value.item())


@pytest.mark.parametrize(
    ('name', 'defaults'),
    [
        ('UnbiasedCrossEntropy', {'loss_name': 'loss_unce', 'num_old': 0}),
        ('FocalUnbiasedCrossEntropy', {'loss_name': 'loss_fuce', 'alpha': 1.0, 'gamma': 2.0}),
        ('DistancePenalizedCrossEntropy', {'loss_name': 'loss_dpce', 'num_old': 0}),
        ('SigmoidCrossEntropy', {'loss_name': 'loss_bce', 'first_channel': 0}),
        ('KnowledgeDistillation', {'loss_name': 'loss_kd', 'taps': ()}),
        ('UnbiasedKnowledgeDistillation', {'loss_name': 'loss_unkd', 'taps': ()}),
        (
            'FeatureDistillation',
            {'loss_name': 'loss_feat', 'taps': ('backbone.context_path.arm16',)},
        ),
    ],
)
def test_defaults_and_names(name, defaults):
    module = MODELS.build({'type': name})
    assert module.loss_weight == 1.0
    assert {key: getattr(module, key) for key in defaults} == defaults


def test_module_is_the_one_tap():
    loss = MODELS.build({'type': 'UnbiasedKnowledgeDistillation', 'module': 'auxiliary_head.0'})
    assert loss.taps == ('auxiliary_head.0',)


def test_every_module_of_the_folder_is_imported_by_itself(monkeypatch):
    imported = []
    monkeypatch.setattr(imports, 'import_modules', lambda *package: imported.append(package))
    importlib.reload(losses)
    assert imported == [(losses.__name__, losses.__path__)]


@pytest.mark.parametrize('loss', SEGMENTATION)
def test_defaults_of_the_functions(loss):
    parameters = inspect.signature(loss).parameters
    assert list(parameters)[:3] == ['logits', 'target', 'num_old']
    assert parameters['ignore_index'].default == 255
    assert parameters['avg_non_ignore'].default is False


# Errors


@pytest.mark.parametrize('loss', SEGMENTATION)
def test_segmentation_losses_reject_what_does_not_fit(loss):
    logits, _, target = random_inputs(18)
    with pytest.raises(ValueError, match=r'target \(N, H, W\)'):
        loss(logits, target[:, :-1], NUM_OLD)
    with pytest.raises(ValueError, match=r'target \(N, H, W\)'):
        loss(logits, target.unsqueeze(1), NUM_OLD)
    with pytest.raises(ValueError, match=r'target \(N, H, W\)'):
        loss(logits[0], target[0], NUM_OLD)
    for num_old in (-1, 8):
        with pytest.raises(ValueError, match='num_old must be within 0 to 7'):
            loss(logits, target, num_old)
    # As in PyTorch's cross-entropy, a label that is no channel is an error and never background.
    for label in (-1, 7):
        with pytest.raises((RuntimeError, IndexError), match='out of bounds'):
            loss(logits, torch.full_like(target, label), NUM_OLD)


def test_distance_map_of_another_shape_is_rejected():
    logits, _, target = random_inputs(18)
    for distance_map in (torch.zeros(2, 1, 6, 5), torch.zeros(6, 5), torch.zeros(2, 6, 1)):
        with pytest.raises(ValueError, match='distance_map must have one value per pixel'):
            distance_penalized_cross_entropy(logits, target, distance_map=distance_map)


@pytest.mark.parametrize('loss', DISTILLATION)
def test_distillation_losses_reject_what_does_not_fit(loss):
    logits, old_logits, _ = random_inputs(19)
    with pytest.raises(ValueError, match='1 to 3 channels'):
        loss(logits[:, :3], old_logits)
    with pytest.raises(ValueError, match='1 to 7 channels'):
        loss(logits, old_logits[:, :0])
    for other in (old_logits[:1], old_logits[:, :, :3], old_logits[..., :1]):
        with pytest.raises(ValueError, match='agree in pictures and pixels'):
            loss(logits, other)
    with pytest.raises(ValueError, match=r'shape \(N, C, H, W\)'):
        loss(logits[0], old_logits[0])


def test_feature_distillation_rejects_other_shapes():
    with pytest.raises(ValueError, match='one shape'):
        feature_distillation(torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 4, 4))


@pytest.mark.parametrize(
    ('name', 'option', 'value'),
    [
        ('FocalUnbiasedCrossEntropy', 'alpha', 0),
        ('FocalUnbiasedCrossEntropy', 'alpha', -1.0),
        ('FocalUnbiasedCrossEntropy', 'alpha', math.nan),
        ('FocalUnbiasedCrossEntropy', 'gamma', -0.1),
        ('UnbiasedCrossEntropy', 'old_labels', 'merged'),
        ('FocalUnbiasedCrossEntropy', 'old_labels', True),
        ('SigmoidCrossEntropy', 'channels', 'old'),
        ('SigmoidCrossEntropy', 'positive_weight', 0),
        ('DistancePenalizedCrossEntropy', 'sigma', 0),
        ('DistancePenalizedCrossEntropy', 'sigma', -2.0),
        ('DistancePenalizedCrossEntropy', 'sigma', math.nan),
        ('DistancePenalizedCrossEntropy', 'sigma', '5'),
    ],
)
def test_classes_reject_impossible_options(name, option, value):
    with pytest.raises(ValueError, match=f'{option} must be'):
        getattr(losses, name)(**{option: value})
