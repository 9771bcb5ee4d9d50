"""Two parallel convolutions that become one, as RCIL keeps what it knew in one of them."""

import copy
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


class Branch(NamedTuple):
    """A convolution and the batch normalisation after it, in evaluation.

    Args:
        kernel: Weight (D, F, k, k) of the convolution.
        bias: Its bias (D,), or None.
        scale: Scale (D,) of the normalisation; where a normalisation takes the absolute value
            of it, that value.
        shift: Its shift (D,).
        mean: Running mean (D,).
        variance: Running variance (D,).
        eps: Added to the variance.
    """

    kernel: Tensor
    bias: Tensor | None
    scale: Tensor
    shift: Tensor
    mean: Tensor
    variance: Tensor
    eps: float


def merge_branches(first: Branch, second: Branch) -> tuple[Tensor, Tensor]:
    """Kernel and bias of the one convolution that gives the mean of two branches.

    Source: Zhang et al., *Representation Compensation Networks for Continual Semantic
    Segmentation*, CVPR 2022, section 3.2.

    Args:
        first: A branch.
        second: Another one of the same shapes.

    Returns:
        Kernel (D, F, k, k) and bias (D,).
    """
    (kernel, bias), (other_kernel, other_bias) = (
        fuse_conv_bn_weights(b.kernel, b.bias, b.mean, b.variance, b.eps, b.scale, b.shift)
        for b in (first, second)
    )
    return ((kernel + other_kernel) / 2).detach(), ((bias + other_bias) / 2).detach()


class DoubledConvolution(nn.Module):
    """A convolution with its normalisation, and a twin that starts from the same weights.

    In training a channel is, drawn anew in each forward pass for the whole batch, that of the
    first branch (a share of 0.33), that of the second (0.33) or the mean of both; in evaluation it
    is the mean. An activation belongs after this module.

    Args:
        conv: Convolution without a bias.
        norm: Batch normalisation of its output.
    """

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.conv, self.norm = conv, norm
        self.twin_conv, self.twin_norm = copy.deepcopy(conv), copy.deepcopy(norm)

    def forward(self, features: Tensor) -> Tensor:
        """Convolve.

        Args:
            features: Shape (N, F, H, W).

        Returns:
            Shape (N, D, H', W').
        """
        first = self.norm(self.conv(features))
        second = self.twin_norm(self.twin_conv(features))
        if not self.training:
            return (first + second) / 2
        draw = torch.rand(first.shape[1], 1, 1, device=first.device)
        share = torch.where(draw < 0.33, 1.0, torch.where(draw < 0.66, 0.0, 0.5))
        return torch.lerp(second, first, share.to(first.dtype))

    @torch.no_grad()
    def merge(self) -> None:
        """Turn the first branch into the mean of both, and freeze it; see :func:`merge_branches`.

        It is a convolution with a bias and without a normalisation from then on. The twin goes on
        from its own weights.
        """
        state = merge_state(self.state_dict(), '', self.twin_norm.eps)
        self.conv.weight.copy_(state['conv.weight'])
        self.conv.bias = nn.Parameter(state['conv.bias'])
        self.conv.requires_grad_(False)
        self.norm = nn.Identity()


def merge_state(state: Mapping[str, Tensor], prefix: str, eps: float) -> dict[str, Tensor]:
    """Merge the branches of a :class:`DoubledConvolution` within a state.

    Args:
        state: A ``state_dict``; it is not changed.
        prefix: Where the module's entries begin, with its dot.
        eps: Of its normalisation.

    Returns:
        The state that holds the same, with the first branch merged.
    """
    kernel, bias = merge_branches(
        *(_branch(state, f'{prefix}{twin}', eps) for twin in ('', 'twin_'))
    )
    merged = {f'{prefix}conv.weight': kernel, f'{prefix}conv.bias': bias}
    others = {n: value for n, value in state.items() if not n.startswith(f'{prefix}norm.')}
    return {**others, **merged}


def _branch(state: Mapping[str, Tensor], prefix: str, eps: float) -> Branch:
    kernel, bias = state[f'{prefix}conv.weight'], state.get(f'{prefix}conv.bias')
    names = ('weight', 'bias', 'running_mean', 'running_var')
    if f'{prefix}norm.weight' in state:
        return Branch(kernel, bias, *(state[f'{prefix}norm.{name}'] for name in names), eps)
    # merged before: the normalisation does nothing
    one, zero = torch.ones_like(bias), torch.zeros_like(bias)
    return Branch(kernel, bias, one, zero, zero, one, 0.0)
