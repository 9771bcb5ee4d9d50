"""RCIL as its config puts it together: branches in a network, merged between the steps."""

import copy
from pathlib import Path

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict as mmengine_load_state_dict
from mmseg.registry import MODELS, TASK_UTILS
from tiny import tiny_sequence
from torch import nn

from mmseg_incremental.errors import InputError
from mmseg_incremental.models import record_taps
from mmseg_incremental.models.channels import Channels
from mmseg_incremental.models.doubled_convolution import DoubledConvolution, merge_state
from mmseg_incremental.sequence.checkpoint import load_old_weights, load_weights

FIRST, LATER = Channels(0, 3), Channels(3, 1)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 3, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(3)
        self.conv2 = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(3)
        self.relu = nn.ReLU()

    def forward(self, maps):
        maps = self.relu(self.bn1(self.conv1(maps)))
        return self.relu(self.bn2(self.conv2(maps)))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Module()
        self.backbone.layer1 = nn.Sequential(Block(), Block())
        self.backbone.stem = nn.Sequential(nn.Conv2d(3, 3, 3, bias=False), nn.BatchNorm2d(3))
        self.decode_head = nn.Module()
        self.decode_head.aspp_modules = nn.ModuleList(
            [nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), nn.BatchNorm2d(3))]
        )

    def forward(self, maps):
        return self.decode_head.aspp_modules[0](self.backbone.layer1(self.backbone.stem(maps)))


def shaken(model, seed=0):
    """All weights and statistics at random."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            drawn = torch.randn(value.shape, generator=generator)
            value.copy_(drawn.abs() + 0.5 if name.endswith('running_var') else drawn)
    return model.double().eval()


def doubled(channels=FIRST, **options):
    part = TASK_UTILS.build(dict(type='DoubledConvolutions', **options))
    model = Network()
    part.apply(model, channels)
    return part, model


def pictures():
    generator = torch.Generator().manual_seed(5)
    return torch.randn(2, 3, 9, 8, generator=generator, dtype=torch.float64)


def names(model):
    return [name for name, m in model.named_modules() if isinstance(m, DoubledConvolution)]


def test_which_convolutions_are_doubled():
    residual = ['backbone.layer1.0.conv2', 'backbone.layer1.1.conv2']
    assert names(doubled()[1]) == [*residual, 'decode_head.aspp_modules.0.0']
    assert names(doubled(head='none')[1]) == residual
    with pytest.raises(InputError, match='no 3x3 convolution'):
        doubled(residual=r'.*layer7.*', head='none')


@pytest.mark.parametrize(
    'load', [nn.Module.load_state_dict, mmengine_load_state_dict], ids=['torch', 'mmengine']
)
def test_plain_weights_load_into_both_branches(load):
    plain = shaken(Network())
    _, model = doubled()
    state = plain.state_dict()
    kept = {name: value.clone() for name, value in state.items()}
    load(model, state)
    torch.testing.assert_close(model.double().eval()(pictures()), plain(pictures()))
    block = model.backbone.layer1[0]
    assert torch.equal(block.conv2.twin_conv.weight, plain.backbone.layer1[0].conv2.weight)
    assert torch.equal(block.conv2.twin_norm.running_var, plain.backbone.layer1[0].bn2.running_var)
    assert block.conv2.conv.weight is not block.conv2.twin_conv.weight
    assert all(torch.equal(state[name], value) for name, value in kept.items())
    # and a state of its own as it is
    assert not model.load_state_dict(shaken(doubled()[1]).state_dict(), strict=True).missing_keys


def test_merged_equals_unmerged_step_after_step():
    """What the first branch begins a step with is what the network of the step before gives."""
    _, before = doubled()
    shaken(before)
    for _ in range(2):
        part, model = doubled(LATER)
        state = before.state_dict()
        kept = copy.deepcopy(state)
        model.double().eval().load_state_dict(part.carry_over(model, state), strict=True)
        assert state.keys() == kept.keys()
        assert all(torch.equal(state[name], value) for name, value in kept.items())
        for name in names(model):
            old, new = before.get_submodule(name), model.get_submodule(name)
            maps = pictures()
            torch.testing.assert_close(new.norm(new.conv(maps)), old(maps), rtol=1e-5, atol=1e-5)
            twin = old.twin_norm(old.twin_conv(maps))
            assert torch.equal(new.twin_norm(new.twin_conv(maps)), twin)
            assert not any(p.requires_grad for p in new.conv.parameters())
            assert all(p.requires_grad for p in new.twin_conv.parameters())
        before = model
        for name in names(model):
            nn.init.normal_(model.get_submodule(name).twin_conv.weight)


def test_a_step_goes_on_from_plain_convolutions_too():
    plain = shaken(Network())
    part, model = doubled(LATER)
    state = plain.state_dict()
    kept = dict(state)
    model.double().eval().load_state_dict(part.carry_over(model, state), strict=True)
    assert state.keys() == kept.keys()
    torch.testing.assert_close(model(pictures()), plain(pictures()))
    assert isinstance(model.backbone.layer1[0].conv2.norm, nn.Identity)


def test_a_merged_state_is_merged_again():
    module = DoubledConvolution(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4))
    shaken(module)
    state = {'a.' + name: value for name, value in module.state_dict().items()}
    once = merge_state(state, 'a.', module.twin_norm.eps)
    assert 'a.conv.bias' in once
    assert not [name for name in once if name.startswith('a.norm.')]
    twice = merge_state(once, 'a.', module.twin_norm.eps)
    expected = module(pictures()) / 2
    second = module.twin_norm(module.twin_conv(pictures())) / 2
    found = nn.functional.conv2d(pictures(), twice['a.conv.weight'], twice['a.conv.bias'])
    torch.testing.assert_close(found, expected + second)


@pytest.fixture
def sequence(shapes: Path, tmp_path: Path):
    return tiny_sequence(shapes, tmp_path, 'rcil')


def test_a_step_begins_as_the_one_before(sequence):
    """With the twins equal to the merged branches the whole network gives the old features."""
    configs = [sequence.step(t).config for t in (0, 1, 2)]
    old = shaken(MODELS.build(configs[0].model)).float()
    for config in configs[1:]:
        assert not sequence.method.plain
        model = MODELS.build(config.model)
        state = old.state_dict()
        load_old_weights(model, model.carry_over(state), 'old')
        frozen_old = MODELS.build(config.default_hooks.incremental_loop.old_model)
        load_weights(frozen_old, state, 'old')
        for _, module in model.named_modules():
            if isinstance(module, DoubledConvolution):
                module.twin_conv = nn.Conv2d(
                    module.conv.in_channels, module.conv.out_channels, 3, module.conv.stride,
                    module.conv.padding,
                )  # fmt: skip
                module.twin_conv.load_state_dict(module.conv.state_dict())
                module.twin_norm = nn.Identity()
        maps = torch.randn(2, 3, 32, 32)
        with torch.no_grad():
            expected = frozen_old.eval().extract_feat(maps)[0]
            found = model.eval().extract_feat(maps)[0]
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * expected.abs().max())
        old = shaken(MODELS.build(config.model)).float()


def test_stages_are_compared_after_their_activation(sequence):
    model = MODELS.build(sequence.step(1).config.model)
    with record_taps(model, ['stages', 'stage_outputs']) as found, torch.no_grad():
        model.extract_feat(torch.randn(2, 3, 64, 64))
    assert len(found['stages']) == len(found['stage_outputs']) == 4
    for before, after in zip(found['stages'], found['stage_outputs'], strict=True):
        assert (before < 0).any()
        torch.testing.assert_close(before.relu(), after)


def test_without_taps_of_the_model_stages_are_what_the_backbone_returns():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone, self.decode_head = nn.Identity(), nn.Identity()

        def forward(self, maps):
            return self.decode_head(self.backbone(maps))

    maps = [torch.randn(1), torch.randn(2)]
    model = Model()
    with record_taps(model, ['stage_outputs']) as found:
        model(maps)
    assert all(a is b for a, b in zip(found['stage_outputs'], maps, strict=True))
