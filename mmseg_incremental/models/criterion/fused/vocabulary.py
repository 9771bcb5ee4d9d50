"""What the fused criterion knows of the losses that it computes, by their exact class.

A cross-entropy is told by its value and slope as a function of the (unbiased) cross-entropy of a
pixel; a distillation by the weights of the log-sums of which it is the sum.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ...losses import (
    DistancePenalizedCrossEntropy,
    FocalUnbiasedCrossEntropy,
    KnowledgeDistillation,
    PixelDistillation,
    UnbiasedCrossEntropy,
    UnbiasedKnowledgeDistillation,
)
from ..mmseg_cross_entropy import MmsegCrossEntropy
from .log_sums import LogSums


def _cross_entropy(_loss: UnbiasedCrossEntropy, nll: Tensor) -> tuple[Tensor, float]:
    return nll, 1.0


def _focal(loss: FocalUnbiasedCrossEntropy, nll: Tensor) -> tuple[Tensor, Tensor]:
    likely = torch.exp(-nll)
    uncertainty = (-torch.expm1(-nll)).clamp(min=torch.finfo(nll.dtype).tiny)
    factor = loss.alpha * uncertainty**loss.gamma
    ratio = nll.clamp(min=0) / uncertainty
    return factor * nll, factor * (1 + loss.gamma * likely * ratio)


def _penalized(
    _loss: DistancePenalizedCrossEntropy, nll: Tensor, distance_map: Tensor
) -> tuple[Tensor, Tensor]:
    penalty = 1 + distance_map
    return penalty * nll, penalty


def _knowledge(old_background: Tensor) -> LogSums:
    return LogSums(old=1.0, background=-old_background, agreement=-1.0)


def _unbiased_knowledge(old_background: Tensor) -> LogSums:
    return LogSums(everything=1.0, new=-old_background, agreement=-1.0)


#: Class to the function of the loss, the cross-entropy of a pixel (any shape) and the maps of
#: ``pixel_maps`` by name that gives the loss of the pixel and its derivative by the cross-entropy.
CROSS_ENTROPIES: dict[type, Callable[..., tuple[Tensor, Tensor | float]]] = {
    DistancePenalizedCrossEntropy: _penalized,
    FocalUnbiasedCrossEntropy: _focal,
    MmsegCrossEntropy: _cross_entropy,
    UnbiasedCrossEntropy: _cross_entropy,
}

#: Class to what gives, for a loss of it, the function of the old model's probability of the
#: background (any shape) that gives the weights of the log-sums, times the number of old channels.
DISTILLATIONS: dict[type, Callable[[PixelDistillation], Callable[[Tensor], LogSums]]] = {
    KnowledgeDistillation: lambda _loss: _knowledge,
    UnbiasedKnowledgeDistillation: lambda loss: (
        _unbiased_knowledge if loss.background else _knowledge
    ),
}
