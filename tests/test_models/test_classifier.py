import copy
import math

import pytest
import torch
from mmengine.runner.checkpoint import get_state_dict
from mmengine.runner.checkpoint import load_state_dict as mmengine_load_state_dict
from torch import nn
from torch.nn import functional as F

from mmseg_incremental.models import IncrementalClassifier


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def merged_state(sizes, in_channels=4):
    """State of a plain convolution with a different number in every place."""
    rows = sum(sizes)
    weight = torch.arange(rows * in_channels, dtype=torch.float32).reshape(rows, in_channels, 1, 1)
    return {'weight': weight, 'bias': -torch.arange(rows, dtype=torch.float32) - 0.5}


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize('sizes', [[3], [16, 5], [16, 1, 1, 1], [2, 3, 1, 4]])
def test_forward_is_the_concatenation_of_separate_convolutions(sizes):
    classifier = IncrementalClassifier(6, sizes)
    features = torch.randn(2, 6, 5, 7)
    separate = torch.cat([conv(features) for conv in classifier], dim=1)
    logits = classifier(features)
    assert logits.shape == (2, sum(sizes), 5, 7)
    torch.testing.assert_close(logits, separate)


@pytest.mark.parametrize('sizes', [[3], [16, 5], [2, 3, 1, 4]])
def test_state_dict_is_that_of_one_plain_convolution(sizes):
    classifier = IncrementalClassifier(6, sizes)
    state = classifier.state_dict()
    assert list(state) == ['weight', 'bias']
    plain = nn.Conv2d(6, sum(sizes), 1)
    plain.load_state_dict(state, strict=True)
    features = torch.randn(2, 6, 5, 7)
    assert torch.equal(plain(features), classifier(features))
    for step, conv in enumerate(classifier):
        start = sum(sizes[:step])
        assert torch.equal(state['weight'][start : start + sizes[step]], conv.weight)
        assert torch.equal(state['bias'][start : start + sizes[step]], conv.bias)


def test_a_plain_convolution_is_loaded_row_by_row():
    classifier = IncrementalClassifier(4, [3, 1, 2])
    state = merged_state([3, 1, 2])
    classifier.load_state_dict(state, strict=True)
    assert torch.equal(classifier[0].bias, torch.tensor([-0.5, -1.5, -2.5]))
    assert torch.equal(classifier[1].bias, torch.tensor([-3.5]))
    assert torch.equal(classifier[2].bias, torch.tensor([-4.5, -5.5]))
    assert torch.equal(classifier[2].weight.flatten(), torch.arange(16.0, 24.0))
    assert list(state) == ['weight', 'bias'], 'loading changed the state that it was given'


def test_state_dict_inside_a_model_has_the_prefix_and_nothing_else():
    model = nn.Sequential()
    model.add_module('body', nn.Conv2d(3, 4, 1))
    model.add_module('conv_seg', IncrementalClassifier(4, [3, 2]))
    names = ['body.weight', 'body.bias', 'conv_seg.weight', 'conv_seg.bias']
    assert list(model.state_dict()) == names
    assert list(get_state_dict(model)) == names, "mmengine's own walk over the modules"
    other = copy.deepcopy(model)
    nn.init.zeros_(other[1][1].weight)
    other.load_state_dict(model.state_dict(), strict=True)
    assert same(other.parameters(), model.parameters())


def test_round_trip_through_a_file_is_exact(tmp_path):
    one, other = IncrementalClassifier(4, [3, 2]), IncrementalClassifier(4, [3, 2])
    assert not same(one.parameters(), other.parameters())
    torch.save(one.state_dict(), tmp_path / 'state.pth')
    other.load_state_dict(torch.load(tmp_path / 'state.pth', weights_only=True), strict=True)
    assert same(one.parameters(), other.parameters())


def test_saved_state_does_not_follow_later_training():
    classifier = IncrementalClassifier(4, [3, 2])
    state = classifier.state_dict()
    before = state['weight'].clone()
    with torch.no_grad():
        classifier[0].weight += 1
    assert not state['weight'].requires_grad
    assert torch.equal(state['weight'], before)


@pytest.mark.parametrize('steps_before', [1, 2])
def test_state_of_an_earlier_step_lacks_exactly_the_new_parameters(steps_before):
    sizes = [3, 2, 4][: steps_before + 1]
    old, new = IncrementalClassifier(4, sizes[:-1]), IncrementalClassifier(4, sizes)
    kept = [p.detach().clone() for p in new[-1].parameters()]
    result = new.load_state_dict(old.state_dict(), strict=False)
    assert set(result.missing_keys) == {f'{steps_before}.weight', f'{steps_before}.bias'}
    assert set(result.missing_keys) == new.new_parameter_names()
    assert result.unexpected_keys == []
    assert same(old.parameters(), [p for conv in list(new)[:-1] for p in conv.parameters()])
    assert same(kept, new[-1].parameters())
    with pytest.raises(RuntimeError, match='Missing'):
        new.load_state_dict(old.state_dict(), strict=True)


def test_mmengine_reports_exactly_the_new_parameters_as_missing():
    old, new = IncrementalClassifier(4, [3, 2]), IncrementalClassifier(4, [3, 2, 1])
    with pytest.raises(RuntimeError) as caught:
        mmengine_load_state_dict(new, old.state_dict(), strict=True)
    message = str(caught.value)
    assert 'missing keys in source state_dict: 2.weight, 2.bias' in message
    assert 'unexpected' not in message
    assert 'size mismatch' not in message
    assert same(old.parameters(), [p for conv in list(new)[:-1] for p in conv.parameters()])


def test_mmengine_round_trip_is_strict():
    one, other = IncrementalClassifier(4, [3, 2, 1]), IncrementalClassifier(4, [3, 2, 1])
    mmengine_load_state_dict(other, get_state_dict(one), strict=True)
    assert same(one.parameters(), other.parameters())


@pytest.mark.parametrize('rows', [1, 2, 4, 6, 7, 20])
@pytest.mark.parametrize('load', [nn.Module.load_state_dict, mmengine_load_state_dict])
def test_state_that_ends_inside_a_step_is_an_error(rows, load):
    with pytest.raises(RuntimeError, match=r'size mismatch|shape'):
        load(IncrementalClassifier(4, [3, 2]), merged_state([rows]), strict=True)


@pytest.mark.parametrize('rows', [2, 4, 6])
def test_wrong_size_is_an_error_without_strict_too(rows):
    with pytest.raises(RuntimeError, match='size mismatch'):
        IncrementalClassifier(4, [3, 2]).load_state_dict(merged_state([rows]), strict=False)


def test_state_with_other_features_is_an_error():
    with pytest.raises(RuntimeError, match='size mismatch'):
        IncrementalClassifier(4, [3, 2]).load_state_dict(merged_state([3, 2], in_channels=5))


def test_state_with_a_weight_only_lacks_the_biases():
    state = merged_state([3, 2])
    del state['bias']
    result = IncrementalClassifier(4, [3, 2]).load_state_dict(state, strict=False)
    assert set(result.missing_keys) == {'0.bias', '1.bias'}


def test_left_over_keys_are_reported():
    state = {**merged_state([3, 2]), 'scale': torch.ones(1)}
    result = IncrementalClassifier(4, [3, 2]).load_state_dict(state, strict=False)
    assert result.unexpected_keys == ['scale']


def test_gradient_reaches_the_parameters_of_every_step():
    classifier = IncrementalClassifier(4, [3, 1, 2])
    features = torch.randn(2, 4, 3, 3, requires_grad=True)
    F.cross_entropy(classifier(features), torch.randint(0, 6, (2, 3, 3))).backward()
    assert features.grad.abs().sum() > 0
    for conv in classifier:
        for parameter in conv.parameters():
            assert parameter.grad.abs().min() > 0


def test_gradient_equals_that_of_a_plain_convolution():
    classifier = IncrementalClassifier(4, [3, 1, 2])
    plain = nn.Conv2d(4, 6, 1)
    plain.load_state_dict(classifier.state_dict())
    features, target = torch.randn(2, 4, 3, 3), torch.randint(0, 6, (2, 3, 3))
    for module in (classifier, plain):
        F.cross_entropy(module(features), target).backward()
    assert torch.equal(torch.cat([conv.weight.grad for conv in classifier]), plain.weight.grad)
    assert torch.equal(torch.cat([conv.bias.grad for conv in classifier]), plain.bias.grad)


def test_parameters_are_one_weight_and_one_bias_per_step():
    names = dict(IncrementalClassifier(4, [3, 1]).named_parameters())
    assert list(names) == ['0.weight', '0.bias', '1.weight', '1.bias']
    assert IncrementalClassifier(4, [3, 1]).classes_per_step == [3, 1]


def test_deepcopy_stores_and_loads_its_own_weights():
    classifier = IncrementalClassifier(4, [3, 1])
    twin = copy.deepcopy(classifier)
    twin.load_state_dict(merged_state([3, 1]))
    assert torch.equal(twin.state_dict()['bias'], merged_state([3, 1])['bias'])
    assert not torch.equal(classifier.state_dict()['bias'], twin.state_dict()['bias'])


def test_half_precision_and_double_keep_their_type():
    for dtype in (torch.bfloat16, torch.float64):
        classifier = IncrementalClassifier(4, [3, 1]).to(dtype)
        assert classifier(torch.randn(1, 4, 2, 2, dtype=dtype)).dtype == dtype
        assert classifier.state_dict()['weight'].dtype == dtype


@pytest.mark.parametrize('sizes', [[], [0], [3, 0], [-1], [0, 3], [3, -2, 1]])
def test_a_step_without_channel_is_refused(sizes):
    with pytest.raises(ValueError, match='at least one channel'):
        IncrementalClassifier(4, sizes)


def test_hand_computed_logits():
    classifier = IncrementalClassifier(2, [1, 1])
    state = {
        'weight': torch.tensor([[1.0, 2.0], [-1.0, 0.5]]).reshape(2, 2, 1, 1),
        'bias': torch.tensor([0.25, math.pi]),
    }
    classifier.load_state_dict(state)
    logits = classifier(torch.tensor([3.0, 4.0]).reshape(1, 2, 1, 1)).flatten().tolist()
    assert logits == pytest.approx([3 + 8 + 0.25, -3 + 2 + math.pi])


# --- channels beside the classes ----------------------------------------------------------------


def test_extra_channels_come_last_in_the_order_they_are_named():
    classifier = IncrementalClassifier(1, [2, 1], {'unknown': 1, 'auxiliary': 2})
    bias = {'0': [0.0, 1.0], '1': [2.0], 'extra.unknown': [3.0], 'extra.auxiliary': [4.0, 5.0]}
    with torch.no_grad():
        for name, values in bias.items():
            classifier.get_submodule(name).bias.copy_(torch.tensor(values))
    assert classifier(torch.zeros(1, 1, 1, 1)).flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert classifier.num_classes == 3
    assert classifier.extra_channels == {'unknown': 1, 'auxiliary': 2}
    assert classifier.classes_per_step == [2, 1]
    assert [conv.out_channels for conv in classifier] == [2, 1]
    assert len(classifier) == 2
    assert classifier[-1] is classifier[1] is classifier.get_submodule('1')


def test_state_keeps_the_classes_apart_from_the_extra_channels():
    classifier = IncrementalClassifier(4, [3, 2], {'unknown': 2})
    state = classifier.state_dict()
    shapes = {name: list(value.shape) for name, value in state.items()}
    assert shapes == {
        'weight': [5, 4, 1, 1], 'bias': [5],
        'extra.unknown.weight': [2, 4, 1, 1], 'extra.unknown.bias': [2],
    }  # fmt: skip
    plain = nn.Conv2d(4, 5, 1)
    plain.load_state_dict({name: state[name] for name in ('weight', 'bias')}, strict=True)
    features = torch.randn(1, 4, 3, 3)
    torch.testing.assert_close(classifier(features)[:, :5], plain(features))
    other = IncrementalClassifier(4, [3, 2], {'unknown': 2})
    other.load_state_dict(state, strict=True)
    assert same(other.parameters(), classifier.parameters())
    mmengine_load_state_dict(copy.deepcopy(other), get_state_dict(classifier), strict=True)


def test_gradient_reaches_the_extra_channels():
    classifier = IncrementalClassifier(4, [3, 1], {'unknown': 1})
    F.cross_entropy(classifier(torch.randn(2, 4, 3, 3)), torch.full((2, 3, 3), 4)).backward()
    assert classifier.extra['unknown'].weight.grad.abs().min() > 0


LATER = {'1': 2, '2': 1}  # classifiers of steps 1 and 2, allocated at step 0


@pytest.mark.parametrize(
    ('old_extra', 'new_extra', 'missing', 'unexpected'),
    [
        ({}, {}, ['1.bias', '1.weight'], []),
        ({'unknown': 1}, {'unknown': 1}, ['1.bias', '1.weight'], []),
        # a step 0 that was trained by a method without extra channels
        ({}, {'unknown': 1},
         ['1.bias', '1.weight', 'extra.unknown.bias', 'extra.unknown.weight'], []),
        (LATER, {'2': 1}, [], []),
        ({**LATER, 'unknown': 1}, {'unknown': 1, '2': 1}, [], []),
        ({'2': 1}, {'2': 1}, ['1.bias', '1.weight'], []),
        # what the model of the step has no place for is told
        (LATER, {}, [], ['extra.2.bias', 'extra.2.weight']),
    ],
)  # fmt: skip
def test_loading_the_step_before_leaves_exactly_what_is_new(
    old_extra, new_extra, missing, unexpected
):
    old = IncrementalClassifier(4, [3], old_extra)
    new = IncrementalClassifier(4, [3, 2], new_extra)
    state = old.state_dict()
    result = new.load_state_dict(state, strict=False)
    assert sorted(result.missing_keys) == missing
    assert sorted(result.unexpected_keys) == unexpected
    assert new.new_parameter_names(state) == set(missing)
    assert same(old[0].parameters(), new[0].parameters())
    if '1' in old_extra:
        assert same(old.extra['1'].parameters(), new[1].parameters())
    for name in old_extra.keys() & new_extra.keys():
        assert same(old.extra[name].parameters(), new.extra[name].parameters())
    assert list(state) == list(old.state_dict()), 'loading changed the state that it was given'


def test_classifier_allocated_for_another_number_of_classes_is_an_error():
    old = IncrementalClassifier(4, [3], {'1': 3})
    with pytest.raises(RuntimeError, match='size mismatch'):
        IncrementalClassifier(4, [3, 2]).load_state_dict(old.state_dict(), strict=False)


def test_a_state_of_the_same_step_is_not_touched_by_channels_of_that_name():
    state = {**merged_state([3, 2]), 'extra.1.weight': torch.zeros(2, 4, 1, 1)}
    classifier = IncrementalClassifier(4, [3, 2])
    result = classifier.load_state_dict(state, strict=False)
    assert result.unexpected_keys == ['extra.1.weight']
    assert classifier[1].bias.tolist() == [-3.5, -4.5]


@pytest.mark.parametrize('size', [0, -1])
def test_a_name_without_channel_is_refused(size):
    with pytest.raises(ValueError, match='at least one extra channel'):
        IncrementalClassifier(4, [3], {'unknown': size})


def test_detached_channels_stay_in_their_place_and_pass_no_gradient():
    classifier = IncrementalClassifier(4, [2, 1], {'a': 1, 'b': 2, 'c': 1})
    features = torch.randn(2, 4, 3, 3, requires_grad=True)
    expected = classifier(features)
    classifier.detached = frozenset({'b'})
    logits = classifier(features)
    torch.testing.assert_close(logits, expected)
    (none,) = torch.autograd.grad(
        logits[:, 4:6].sum(), features, allow_unused=True, retain_graph=True
    )
    assert none is None or none.abs().max() == 0
    logits[:, [0, 3, 6]].sum().backward()
    wanted = sum(classifier.merged_weight()[i, :, 0, 0] for i in (0, 3, 6))
    torch.testing.assert_close(features.grad[0, :, 1, 1], wanted)
