import pytest
import torch
from torch import nn

from mmseg_incremental.errors import InputError
from mmseg_incremental.models.feature_recorder import record_features


class Twice(nn.Module):
    """Calls one layer twice, gives a tuple, and never calls another layer."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.pair = nn.Identity()
        self.idle = nn.Linear(2, 2)

    def forward(self, x):
        x = self.layer(self.layer(x))
        return self.pair((x, x))


@pytest.fixture
def model():
    return nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Linear(3, 4)))


def hooks(model):
    return sum(len(module._forward_hooks) for module in model.modules())


def test_outputs_of_named_modules_are_recorded(model):
    x = torch.randn(5, 2)
    with record_features(model, ['0', '1.0']) as features:
        assert features == {}
        out = model(x)
    assert set(features) == {'0', '1.0'}
    assert torch.equal(features['0'], model[0](x))
    assert torch.equal(features['1.0'], model[0](x).relu())
    assert torch.equal(out, model(x))


def test_recorded_features_carry_the_gradient(model):
    with record_features(model, ['1.0']) as features:
        model(torch.randn(5, 2))
    features['1.0'].sum().backward()
    assert model[0].weight.grad is not None
    assert model[1][1].weight.grad is None


def test_hooks_are_gone_afterwards(model):
    with record_features(model, ['0', '1']):
        assert hooks(model) == 2
        model(torch.randn(5, 2))
    assert hooks(model) == 0


def test_hooks_are_gone_after_an_error_inside(model):
    with pytest.raises(ZeroDivisionError), record_features(model, ['0', '1']):
        _ = 1 / 0
    assert hooks(model) == 0


def test_names_may_be_a_generator(model):
    with record_features(model, (name for name in ('0', '1.1'))) as features:
        model(torch.randn(5, 2))
    assert set(features) == {'0', '1.1'}


def test_no_name_records_nothing(model):
    with record_features(model, []) as features:
        model(torch.randn(5, 2))
    assert features == {}


@pytest.mark.parametrize('name', ['2', '1.2', '1.', 'weight', '0.weight'])
def test_unknown_name_is_told_with_the_names_that_exist(model, name):
    with pytest.raises(InputError) as caught, record_features(model, [name]):
        pass
    assert repr(name) in str(caught.value)
    assert 'its top modules are 0, 1' in str(caught.value)


def test_unknown_name_leaves_no_hook_of_an_earlier_name_behind(model):
    with pytest.raises(InputError), record_features(model, ['0', 'nope']):
        pass
    assert hooks(model) == 0


@pytest.mark.parametrize('name', ['idle', 'pair'])
def test_module_that_gives_no_tensor_is_told(name):
    model = Twice()
    told = pytest.raises(InputError, match=f"'{name}' gives no tensor")
    with told, record_features(model, ['layer', name]):
        model(torch.randn(5, 2))
    assert hooks(model) == 0


def test_last_call_counts():
    model, x = Twice(), torch.randn(5, 2)
    with record_features(model, ['layer']) as features:
        last, _ = model(x)
    assert torch.equal(features['layer'], last)
