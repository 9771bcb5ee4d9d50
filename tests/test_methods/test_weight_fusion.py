import math

import pytest
import torch
from mmseg.registry import TASK_UTILS
from reference import method_inputs
from toy_segmentor import ToySegmentor

from mmseg_incremental.methods.after_step.weight_fusion import (
    WeightFusion,
    fuse_states,
    fusion_factor,
)
from mmseg_incremental.models.channels import Channels

CHANNELS = Channels(3, 2)


def two_steps():
    """Models of two steps that have seen different numbers of batches."""
    torch.manual_seed(0)
    models = []
    for sizes, batches in (([3], 2), ([3, 2], 5)):
        model = ToySegmentor(sizes)
        for _ in range(batches):
            model(torch.randn(2, 3, 6, 6))
        models.append(model)
    return models


@pytest.mark.parametrize(
    ('num_old', 'num_new', 'expected'),
    [(16, 5, 0.4880), (16, 1, 0.2425), (17, 1, 0.2357), (11, 1, 0.2887)],
)
def test_factor_of_the_tasks(num_old, num_new, expected):
    assert fusion_factor(Channels(num_old, num_new)) == pytest.approx(expected, abs=5e-5)


def test_fusion_by_hand():
    old = dict(weight=torch.tensor([[1.0, 2.0]]), scale=torch.tensor(4.0), count=torch.tensor(3))
    new = dict(
        weight=torch.tensor([[5.0, 6.0], [7.0, 8.0]]),
        scale=torch.tensor(8.0),
        count=torch.tensor(9),
        added=torch.tensor([1.5]),
    )
    fused = fuse_states(old, new, alpha=0.25)
    assert fused['weight'].tolist() == [[2.0, 3.0], [7.0, 8.0]]
    assert fused['scale'].item() == 5.0
    assert fused['count'].item() == 9
    assert fused['added'].tolist() == [1.5]
    # neither state is changed
    assert new['weight'][0].tolist() == [5.0, 6.0]
    assert old['weight'][0].tolist() == [1.0, 2.0]


@pytest.mark.parametrize('name', [name for name in method_inputs.SETS if name != 'shown'])
def test_other_sets_by_loops(name):
    part = method_inputs.build(name)['ewf']
    alpha = math.sqrt(part['Ct'] / (part['K'] + part['Ct']))
    fused = fuse_states(part['old'], part['new'], fusion_factor(Channels(part['K'], part['Ct'])))
    assert list(fused) == list(part['new'])
    for key, value in part['new'].items():
        expected = [
            (1 - alpha) * a + alpha * b if key in part['old'] else b
            for a, b in zip(
                part['old'].get(key, value).flatten().tolist(),
                value.flatten().tolist(),
                strict=True,
            )
        ]
        assert fused[key].flatten().tolist() == pytest.approx(expected, rel=1e-12)


def test_a_model_is_fused_in_place():
    old, new = two_steps()
    before = {name: value.clone() for name, value in new.state_dict().items()}
    TASK_UTILS.build(dict(type='WeightFusion'))(new, old.state_dict(), CHANNELS)
    alpha = math.sqrt(2 / 5)
    for name, value in new.state_dict().items():
        was = old.state_dict()[name]
        if name.endswith('num_batches_tracked'):
            assert value.item() == 5
            continue
        rows = len(was)
        expected = (1 - alpha) * was + alpha * before[name][:rows]
        torch.testing.assert_close(value[:rows], expected)
        assert torch.equal(value[rows:], before[name][rows:])
    assert not torch.equal(
        new.state_dict()['backbone.1.running_var'], before['backbone.1.running_var']
    )


@pytest.mark.parametrize(('alpha', 'source'), [(0.0, 0), (1.0, 1)])
def test_a_given_factor(alpha, source):
    models = two_steps()
    expected = {name: value.clone() for name, value in models[source].state_dict().items()}
    WeightFusion(alpha=alpha)(models[1], models[0].state_dict(), CHANNELS)
    fused = models[1].state_dict()
    for name, value in expected.items():
        if value.is_floating_point():
            torch.testing.assert_close(fused[name][: len(value)], value)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_a_state_of_another_precision(dtype):
    fused = fuse_states({'w': torch.ones(2)}, {'w': torch.full((2,), 3.0, dtype=dtype)}, 0.5)
    assert fused['w'].dtype == dtype
    assert fused['w'].tolist() == [2.0, 2.0]


def test_states_of_other_models_are_refused():
    with pytest.raises(ValueError, match=r"lacks entries of the old one: \['b'\]"):
        fuse_states({'a': torch.ones(1), 'b': torch.ones(1)}, {'a': torch.ones(1)}, 0.5)
    for old, new in ((3, 2), ((2, 3), (2, 4)), ((2, 1), 2), (2, (2, 1)), ((1,), ())):
        with pytest.raises(ValueError, match="entry 'a' has shape"):
            fuse_states({'a': torch.ones(old)}, {'a': torch.ones(new)}, 0.5)
