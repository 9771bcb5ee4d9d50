import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmseg_incremental.models.doubled_convolution import (
    Branch,
    DoubledConvolution,
    merge_branches,
)


def doubled(channels=6, dtype=torch.float64, **options):
    """Branches with statistics and parameters of their own."""
    torch.manual_seed(0)
    conv = nn.Conv2d(3, channels, 3, padding=1, bias=False, **options)
    module = DoubledConvolution(conv, nn.BatchNorm2d(channels)).to(dtype)
    for norm in (module.norm, module.twin_norm):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    nn.init.normal_(module.twin_conv.weight)
    return module.eval()


def pictures(seed=1, dtype=torch.float64):
    return torch.randn(2, 3, 7, 8, generator=torch.Generator().manual_seed(seed)).to(dtype)


def branches(module, features):
    return (
        module.norm(module.conv(features)),
        module.twin_norm(module.twin_conv(features)),
    )


def test_merge_by_hand():
    one = torch.ones(1)
    first = Branch(4 * one.view(1, 1, 1, 1), one, 3 * one, 0.5 * one, 2 * one, 3 * one, 1.0)
    second = Branch(2 * one.view(1, 1, 1, 1), None, one, one, one, 0.25 * one, 0.0)
    kernel, bias = merge_branches(first, second)
    # 3 / 2 and 1 / 0.5 are the factors of the branches
    assert kernel.item() == pytest.approx((1.5 * 4 + 2 * 2) / 2)
    assert bias.item() == pytest.approx((0.5 + 1.5 * (1 - 2) + 1 + 2 * (0 - 1)) / 2)


@pytest.mark.parametrize('options', [{}, dict(stride=2), dict(dilation=2)], ids=str)
def test_evaluation_is_the_mean_and_merging_keeps_it(options):
    module = doubled(**options)
    features = pictures()
    first, second = branches(module, features)
    output = module(features)
    torch.testing.assert_close(output, (first + second) / 2)
    twin = copy.deepcopy(module.twin_conv.state_dict())
    module.merge()
    merged, still = branches(module, features)
    torch.testing.assert_close(merged, output, rtol=1e-13, atol=1e-13)
    assert torch.equal(still, second)
    assert torch.equal(module.twin_conv.weight, twin['weight'])


def test_it_can_be_merged_at_every_step():
    module, features = doubled(), pictures()
    for _ in range(3):
        output = module(features)
        module.merge()
        torch.testing.assert_close(branches(module, features)[0], output)
        nn.init.normal_(module.twin_conv.weight)


def test_the_merged_branch_is_frozen_and_the_twin_learns():
    module = doubled()
    module.merge()
    assert not any(p.requires_grad for p in (*module.conv.parameters(), *module.norm.parameters()))
    module.train()(pictures()).sum().backward()
    twins = [*module.twin_conv.parameters(), *module.twin_norm.parameters()]
    assert all(parameter.grad is not None for parameter in twins)
    # the first branch has no statistics that a batch could change
    assert set(module.state_dict()) & {'norm.weight', 'norm.running_mean'} == set()


def test_it_starts_as_the_convolution_that_it_doubles():
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4).eval()
    expected = norm(conv(pictures().float()))
    module = DoubledConvolution(conv, norm).eval()
    torch.testing.assert_close(module(pictures().float()), expected)
    assert module.twin_conv.weight is not conv.weight


def test_channels_are_of_one_branch_or_of_both_in_training():
    module, features = doubled(channels=600), pictures()
    module.train()
    for norm in (module.norm, module.twin_norm):
        norm.eval()  # so that both runs see the same
    first, second = branches(module, features)
    choices = torch.stack([first, second, (first + second) / 2])
    torch.manual_seed(3)
    output = module(features)
    near = torch.isclose(output, choices).flatten(3).all(3)  # choice, picture, channel
    assert torch.equal(near.sum(0), torch.ones(2, 600, dtype=torch.long))
    assert torch.equal(near[:, 0], near[:, 1])
    shares = near[:, 0].double().mean(1)
    torch.testing.assert_close(shares, torch.tensor([0.33, 0.33, 0.34]).double(), rtol=0, atol=0.06)
    assert not torch.equal(module(features), output)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    module, features = doubled(dtype=torch.float32), pictures(dtype=torch.float32)
    with torch.autocast('cpu', dtype=dtype):
        output = module.train()(features)
    assert output.isfinite().all()
    assert F.mse_loss(output.float(), module(features)).isfinite()
