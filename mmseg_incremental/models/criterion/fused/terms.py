"""The terms of the fused criterion: value and derivatives per pixel, from the log-sums."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ...losses import PixelDistillation, SegmentationLoss
from ...losses.utils import class_factor
from ..pixel_terms import PixelTerms
from .channel_groups import ChannelGroups
from .log_sums import LogSums
from .vocabulary import CROSS_ENTROPIES, DISTILLATIONS

#: Rule of the vocabulary, loss, logits and maps of a piece to the loss per pixel (rows, pictures,
#: W) and its derivatives by the log-sums.
Compute = Callable[[Callable, nn.Module, ChannelGroups, dict[str, Tensor]], tuple[Tensor, LogSums]]


@dataclass(frozen=True)
class Term:
    """A loss over all pixels of a batch, which is computed one piece at a time.

    Args:
        compute: What computes a piece.
        rule: What the vocabulary says of the loss.
        loss: The loss.
        scale: What the sum over all pixels is multiplied by, a number or a scalar tensor.
        maps: Maps (N, H, W) of which ``compute`` takes the part in the piece.
    """

    compute: Compute
    rule: Callable
    loss: nn.Module
    scale: float | Tensor
    maps: dict[str, Tensor] = field(default_factory=dict)


def make_terms(terms: PixelTerms, num_old: int, dtype: torch.dtype) -> list[Term]:
    """Make the terms of losses that :data:`.vocabulary.CROSS_ENTROPIES` and its like know.

    Args:
        terms: The losses and what they learn from.
        num_old: Number of channels of the old model.
        dtype: Precision of the logits, at least float32.

    Returns:
        Terms of the segmentation losses, then of the distillation.
    """
    target = terms.batch.target
    return [
        *(_cross_entropy_term(loss, terms, dtype) for loss in terms.losses),
        *(_distillation_term(loss, target.numel(), num_old) for loss in terms.distillation),
    ]


def _cross_entropy_term(loss: SegmentationLoss, terms: PixelTerms, dtype: torch.dtype) -> Term:
    batch, ignore_index = terms.batch, terms.ignore_index
    counts = batch.target != ignore_index
    if loss.class_weight is not None:
        labels = loss.read_labels(batch.target, ignore_index)
        counts = counts * class_factor(loss.class_weight, labels, ignore_index, dtype)
    if batch.weight is not None:
        counts = counts * batch.weight
    maps = {'counts': counts, **{name: batch.map(name) for name in loss.pixel_maps}}
    if loss.num_old > 1:  # a map, since a compiled piece would be compiled for every number
        kept = loss.old_labels == 'kept'
        maps['is_old'] = batch.target == 0 if kept else batch.target < loss.num_old
    scale = loss.loss_weight / loss.divisor(batch.target, ignore_index)
    return Term(_compute_cross_entropy, CROSS_ENTROPIES[type(loss)], loss, scale, maps)


def _distillation_term(loss: PixelDistillation, num_pixels: int, num_old: int) -> Term:
    scale = loss.loss_weight / (num_pixels * num_old)
    return Term(_compute_distillation, DISTILLATIONS[type(loss)](loss), loss, scale)


def _compute_cross_entropy(
    rule: Callable, loss: SegmentationLoss, groups: ChannelGroups, maps: dict[str, Tensor]
) -> tuple[Tensor, LogSums]:
    sums = groups.sums
    own = {name: maps[name].to(sums.label.dtype) for name in loss.pixel_maps}
    counts = maps['counts'].to(sums.label.dtype)
    is_old = maps.get('is_old')
    if is_old is None:
        value, slope = rule(loss, sums.everything - sums.label, **own)
        slope = slope * counts
        return value * counts, LogSums(everything=slope, label=-slope)
    nll = sums.everything - torch.where(is_old, sums.old, sums.label)
    value, slope = rule(loss, nll, **own)
    slope = slope * counts
    old = slope * is_old
    return value * counts, LogSums(everything=slope, old=-old, label=old - slope)


def _compute_distillation(
    rule: Callable, _loss: PixelDistillation, groups: ChannelGroups, _maps: dict[str, Tensor]
) -> tuple[Tensor, LogSums]:
    weights = rule(groups.old_background)
    if groups.sums.agreement is None:  # the background is the only old channel
        weights = weights._replace(agreement=None)
    return groups.sums.dot(weights), weights
