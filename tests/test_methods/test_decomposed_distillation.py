"""DKD: distillation of sigmoids and of reasoning, and its rule of decision."""

import math

import pytest
import reference.dkd as loops
import torch
from loss_tester import CHANNELS, DistillationLossTester, PixelDistillationTester
from mmseg.registry import MODELS, TASK_UTILS
from reference import method_inputs

from mmseg_incremental.models.channels import Channels
from mmseg_incremental.models.losses.decomposed_reasoning import (
    decomposed_reasoning,
    reasoning_distillation_maps,
)
from mmseg_incremental.models.losses.sigmoid_distillation import sigmoid_distillation_map

OTHER_SETS = [name for name in method_inputs.SETS if name != 'shown']


def test_sigmoid_distillation_by_hand():
    logits = torch.tensor([50.0, math.log(3), 7.0]).reshape(1, 3, 1, 1)  # sigmoid 0.75
    old_logits = torch.tensor([-50.0, 0.0]).reshape(1, 2, 1, 1)
    expected = -0.5 * math.log(0.75) - 0.5 * math.log(0.25)
    found = sigmoid_distillation_map(logits, old_logits)
    assert found.flatten().tolist() == [pytest.approx(expected)]


@pytest.mark.parametrize('name', OTHER_SETS)
def test_sigmoid_distillation_equals_loops(name):
    part = method_inputs.build(name)['dkd']
    loss = MODELS.build(dict(type='SigmoidDistillation', loss_weight=5.0))
    expected = 5 * loops.sigmoid_distillation(part['z'].numpy(), part['zo'].numpy())
    assert loss(part['z'], part['zo']).item() == pytest.approx(expected, rel=1e-12)


def test_reasoning_by_hand():
    features = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
    weight = torch.tensor([[2.0, -1.0, 0.5], [-1.0, -1.0, 0.0]]).reshape(2, 3, 1, 1)
    positive, negative = decomposed_reasoning(features, weight)
    assert positive.flatten().tolist() == [3.5, 0.0]
    assert negative.flatten().tolist() == [-2.0, -3.0]
    torch.testing.assert_close(positive + negative, torch.nn.functional.conv2d(features, weight))


@pytest.mark.parametrize('name', OTHER_SETS)
def test_reasoning_equals_loops(name):
    part = method_inputs.build(name)['dkd']
    old, extra = part['K'], torch.full_like(part['w'][:1], 9.0)
    # a classifier as the package has it: background, classes, auxiliary
    weight = torch.cat([extra, part['w'], extra])[..., None, None]
    old_weight = torch.cat([-extra, part['wo'], -extra])[..., None, None]
    loss = MODELS.build(dict(type='DecomposedReasoning', loss_weight=5.0)).distil(
        dict(head=part['x'], classifier=weight),
        dict(head=part['xo'], classifier=old_weight),
        Channels(old, part['Ct'], extra=('auxiliary',)),
    )
    arrays = [part[key].numpy() for key in ('x', 'w', 'xo', 'wo')]
    arrays[1] = arrays[1][: old - 1]
    expected = 5 * sum(loops.reasoning(*arrays, sign) for sign in (1, -1))
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_shapes_that_differ_are_refused():
    features, weight = torch.zeros(1, 3, 2, 2), torch.zeros(2, 3, 1, 1)
    for other in ((features, weight[:1]), (features[..., :1], weight)):
        with pytest.raises(ValueError, match='of one shape'):
            reasoning_distillation_maps(features, weight, *other)


def test_a_class_needs_more_than_half():
    logits = torch.tensor([[9.0, -1, -2, 9], [9, 0.1, -2, 9], [-9, 1, 2, 9], [-9, 0, -1, 9]])
    logits = logits.T.reshape(1, 4, 1, 4)
    kept = logits.clone()
    link = TASK_UTILS.build(dict(type='SigmoidOrBackground'))
    scores = link(logits, Channels(2, 1, extra=('auxiliary',)))
    assert scores.shape == (1, 3, 1, 4)
    assert scores.argmax(1).tolist() == [[[0, 1, 2, 0]]]
    assert torch.equal(logits, kept)


@pytest.mark.parametrize('config', [dict(type='SigmoidDistillation')], ids=['logits'])
class TestSigmoidDistillation(PixelDistillationTester):
    pass


@pytest.mark.parametrize('config', [dict(type='DecomposedReasoning')], ids=['reasoning'])
class TestDecomposedReasoning(DistillationLossTester):
    def shapes(self, loss):
        old = (CHANNELS.num_old, 6, 1, 1)
        weights = ((CHANNELS.total, 6, 1, 1), old)
        return {**super().shapes(loss), 'classifier': weights}

    def _noise(self, seed, shape):
        # no weight is 0, where the two reasonings have a kink
        return super()._noise(seed, shape) + 1 / 32
