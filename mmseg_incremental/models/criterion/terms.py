"""The terms of a criterion: value and derivatives per pixel, from the log-sums."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..losses.base import DistillationLoss, SegmentationLoss
from ..losses.log_sums import LogSums
from ..losses.utils import class_factor
from .channel_groups import ChannelGroups

#: Loss, logits and maps of a piece to the loss per pixel (rows, pictures, W) and its derivatives
#: by the log-sums.
Compute = Callable[[nn.Module, ChannelGroups, dict[str, Tensor]], tuple[Tensor, LogSums]]


@dataclass(frozen=True)
class Term:
    """A loss over all pixels of a batch, which is computed one piece at a time.

    Args:
        compute: What computes a piece.
        loss: First argument of ``compute``.
        scale: What the sum over all pixels is multiplied by, a number or a scalar tensor.
        maps: Maps (N, H, W) of which ``compute`` takes the part in the piece.
    """

    compute: Compute
    loss: nn.Module
    scale: float | Tensor
    maps: dict[str, Tensor] = field(default_factory=dict)


def cross_entropy_term(
    loss: SegmentationLoss, target: Tensor, ignore_index: int, maps: dict[str, Tensor]
) -> Term:
    """Make a term of a cross-entropy, plain or unbiased.

    Args:
        loss: The loss; its ``modulate`` gives value and slope.
        target: Labels (N, H, W), int64.
        ignore_index: Label of the pixels that do not count.
        maps: The maps (N, H, W) that the loss takes.

    Returns:
        The term.
    """
    counts = target != ignore_index
    divisor = target.numel()
    if loss.avg_non_ignore:
        divisor = counts.sum(dtype=torch.float64).clamp(min=1)
    if loss.class_weight is not None:
        factor = class_factor(loss.class_weight, target, loss.num_old, ignore_index)
        counts = counts * factor
    maps = {'counts': counts, **maps}
    if loss.num_old > 1:  # a map, since a compiled piece would be compiled for every number
        maps['is_old'] = target < loss.num_old
    return Term(_compute_cross_entropy, loss, loss.loss_weight / divisor, maps)


def distillation_term(loss: DistillationLoss, num_pixels: int, num_old: int) -> Term:
    """Make a term of a distillation of logits.

    Args:
        loss: The loss; its ``log_sum_weights`` say what it is a sum of.
        num_pixels: Number of pixels of the batch.
        num_old: Number of channels of the old model.

    Returns:
        The term.
    """
    return Term(_compute_distillation, loss, loss.loss_weight / (num_pixels * num_old))


def _compute_cross_entropy(
    loss: SegmentationLoss, groups: ChannelGroups, maps: dict[str, Tensor]
) -> tuple[Tensor, LogSums]:
    sums = groups.sums
    own = {name: maps[name].to(sums.label.dtype) for name in loss.pixel_maps}
    counts = maps['counts'].to(sums.label.dtype)
    is_old = maps.get('is_old')
    if is_old is None:
        value, slope = loss.modulate(sums.everything - sums.label, **own)
        slope = slope * counts
        return value * counts, LogSums(everything=slope, label=-slope)
    nll = sums.everything - torch.where(is_old, sums.old, sums.label)
    value, slope = loss.modulate(nll, **own)
    slope = slope * counts
    old = slope * is_old
    return value * counts, LogSums(everything=slope, old=-old, label=old - slope)


def _compute_distillation(
    loss: DistillationLoss, groups: ChannelGroups, _maps: dict[str, Tensor]
) -> tuple[Tensor, LogSums]:
    weights = loss.log_sum_weights(groups.old_background)
    if groups.sums.agreement is None:  # the background is the only old channel
        weights = weights._replace(agreement=None)
    return groups.sums.dot(weights), weights
