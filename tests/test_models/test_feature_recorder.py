import pytest
import torch
from torch import nn

from mmseg_incremental.errors import InputError
from mmseg_incremental.models.classifier import IncrementalClassifier
from mmseg_incremental.models.feature_recorder import record_taps


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
    with record_taps(model, ['0', '1.0']) as features:
        out = model(x)
        assert features == {}
    assert set(features) == {'0', '1.0'}
    assert torch.equal(features['0'], model[0](x))
    assert torch.equal(features['1.0'], model[0](x).relu())
    assert torch.equal(out, model(x))


def test_recorded_features_carry_the_gradient(model):
    with record_taps(model, ['1.0']) as features:
        model(torch.randn(5, 2))
    features['1.0'].sum().backward()
    assert model[0].weight.grad is not None
    assert model[1][1].weight.grad is None


def test_hooks_are_gone_afterwards(model):
    with record_taps(model, ['0', '1']):
        assert hooks(model) == 2
        model(torch.randn(5, 2))
    assert hooks(model) == 0


def test_hooks_are_gone_after_an_error_inside(model):
    with pytest.raises(ZeroDivisionError), record_taps(model, ['0', '1']):
        _ = 1 / 0
    assert hooks(model) == 0


def test_names_may_be_a_generator(model):
    with record_taps(model, (name for name in ('0', '1.1'))) as features:
        model(torch.randn(5, 2))
    assert set(features) == {'0', '1.1'}


def test_no_name_records_nothing(model):
    with record_taps(model, []) as features:
        model(torch.randn(5, 2))
    assert features == {}


@pytest.mark.parametrize('name', ['2', '1.2', '1.', '', 'weight', '0.weight', '0.-1', '1.-2'])
def test_unknown_name_is_told_with_the_names_that_exist(model, name):
    with pytest.raises(InputError) as caught, record_taps(model, [name]):
        pass
    assert repr(name) in str(caught.value)
    assert 'its top modules are 0, 1' in str(caught.value)


def test_unknown_name_leaves_no_hook_of_an_earlier_name_behind(model):
    with pytest.raises(InputError), record_taps(model, ['0', 'nope']):
        pass
    assert hooks(model) == 0


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('idle', "'idle' gives no tensor"),
        ('pair', "'pair' gives no tensor"),
        ('idle:input', "'idle' is given no tensor"),
        ('pair:input', "'pair' is given no tensor"),
    ],
)
def test_module_that_gives_no_tensor_is_told(name, message):
    model = Twice()
    told = pytest.raises(InputError, match=message)
    with told, record_taps(model, ['layer', name]):
        model(torch.randn(5, 2))
    assert hooks(model) == 0


def test_last_call_counts():
    model, x = Twice(), torch.randn(5, 2)
    with record_taps(model, ['layer']) as features:
        last, _ = model(x)
    assert torch.equal(features['layer'], last)


class Segmentor(nn.Module):
    """Backbone of two stages that end in an activation in place, and a decode head."""

    def __init__(self, several=True):
        super().__init__()
        self.backbone = nn.ModuleDict({f'stage{i}': self.stage() for i in (1, 2)})
        self.backbone.forward = self.stages if several else lambda x: self.stages(x)[-1]
        self.decode_head = nn.Sequential()
        self.decode_head.add_module('convs', nn.Linear(2, 3))
        self.decode_head.add_module('conv_seg', nn.Linear(3, 4))

    def stage(self):
        block = nn.Sequential()
        block.add_module('conv', nn.Linear(2, 2))
        block.add_module('relu', nn.ReLU(inplace=True))
        return nn.Sequential(nn.Identity(), block)

    def stages(self, x):
        x = self.backbone['stage1'](x)
        return x, self.backbone['stage2'](x)

    def forward(self, x):
        features = self.backbone(x)
        return self.decode_head(features[-1] if isinstance(features, tuple) else features)


@pytest.fixture
def segmentor():
    torch.manual_seed(0)
    return Segmentor()


def test_taps_that_every_segmentor_has(segmentor):
    x = torch.randn(5, 2)
    with record_taps(segmentor, ['stages', 'head', 'logits']) as taps:
        out = segmentor(x)
    assert torch.equal(taps['logits'], out)
    stages = segmentor.stages(x)
    assert torch.equal(taps['head'], segmentor.decode_head.convs(stages[1]))
    assert isinstance(taps['stages'], list)
    assert all(torch.equal(a, b) for a, b in zip(taps['stages'], stages, strict=True))


def test_stages_of_a_backbone_with_one_output_are_a_list_too():
    model = Segmentor(several=False)
    with record_taps(model, ['stages', 'backbone']) as taps:
        model(torch.randn(5, 2))
    assert len(taps['stages']) == 1
    assert taps['stages'][0] is taps['backbone']


def test_input_is_kept_as_it_was_before_an_activation_in_place(segmentor):
    x = torch.randn(5, 2)
    with record_taps(segmentor, ['backbone.stage1.-1.relu:input']) as taps:
        segmentor(x)
    before = segmentor.backbone.stage1[1].conv(x)
    assert before.min() < 0
    assert torch.equal(taps['backbone.stage1.-1.relu:input'], before)


def test_gradient_flows_through_a_recorded_input(segmentor):
    with record_taps(segmentor, ['backbone.stage2.-1.relu:input']) as taps:
        segmentor(torch.randn(5, 2))
    taps['backbone.stage2.-1.relu:input'].sum().backward()
    assert segmentor.backbone.stage2[1].conv.bias.grad.tolist() == [5, 5]
    assert segmentor.backbone.stage1[1].conv.weight.grad is not None
    assert segmentor.decode_head.conv_seg.weight.grad is None


def test_output_that_is_changed_in_place_is_told(segmentor):
    told = pytest.raises(InputError, match=r"'backbone\.stage1\.1\.conv' is changed in place")
    with told, record_taps(segmentor, ['backbone.stage1.1.conv']):
        segmentor(torch.randn(5, 2))
    assert hooks(segmentor) == 0


def test_the_model_says_what_its_stages_are(segmentor):
    segmentor.taps = dict(
        stages=['backbone.stage1.-1.relu:input', 'backbone.stage2'], low=['backbone.stage1']
    )
    x = torch.randn(5, 2)
    with record_taps(segmentor, ['stages', 'low', 'backbone.stage2']) as taps:
        segmentor(x)
    first, second = segmentor.stages(x)
    assert torch.equal(taps['stages'][0], segmentor.backbone.stage1[1].conv(x))
    assert torch.equal(taps['stages'][1], second)
    assert taps['backbone.stage2'] is taps['stages'][1]
    assert isinstance(taps['low'], list)
    assert torch.equal(taps['low'][0], first)


def test_a_tap_may_be_named_twice(segmentor):
    with record_taps(segmentor, ['logits', 'decode_head', 'logits']) as taps:
        out = segmentor(torch.randn(5, 2))
    assert taps['logits'] is taps['decode_head'] is out


def test_outputs_of_inference_mode_are_recorded(segmentor):
    taps = ['stages', 'backbone.stage1.-1.relu:input', 'logits']
    with torch.inference_mode(), record_taps(segmentor, taps) as found:
        out = segmentor(torch.randn(5, 2))
    assert found['logits'] is out
    assert len(found['stages']) == 2


def test_stages_that_are_no_tensors_are_told(segmentor):
    segmentor.backbone.forward = lambda x: (x, None)
    told = pytest.raises(InputError, match="'backbone' gives no list of tensors")
    with told, record_taps(segmentor, ['stages']):
        segmentor.backbone(torch.randn(5, 2))


def test_unknown_part_after_the_colon_is_told(segmentor):
    with (
        pytest.raises(InputError, match="'backbone:output'"),
        record_taps(segmentor, ['backbone:output']),
    ):
        pass


def test_weights_are_recorded_with_their_gradient(model):
    with record_taps(model, ['0:weight']) as features:
        model(torch.randn(5, 2))
    assert torch.equal(features['0:weight'], model[0].weight)
    features['0:weight'].sum().backward()
    assert torch.equal(model[0].weight.grad, torch.ones(3, 2))
    assert hooks(model) == 0


def test_the_weight_of_a_growing_classifier_is_that_of_all_channels():
    model = nn.Sequential(IncrementalClassifier(4, [3, 1], {'unknown': 2}))
    with record_taps(model, ['0:weight']) as features:
        logits = model(torch.ones(1, 4, 1, 1))
    weight = features['0:weight']
    bias = torch.cat([p for name, p in model.named_parameters() if name.endswith('bias')])
    torch.testing.assert_close(logits.flatten(), weight.sum((1, 2, 3)) + bias)
    weight.sum().backward()
    assert all(p.grad is not None for n, p in model.named_parameters() if n.endswith('weight'))


@pytest.mark.parametrize('tap', ['1.0:weight', '0:gradient'])
def test_no_weight_no_tap(model, tap):
    with pytest.raises(InputError, match='weight'), record_taps(model, [tap]):
        model(torch.randn(5, 2))
