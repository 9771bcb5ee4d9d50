"""Distillation of the reasons for and against a class, as DKD decomposes a logit."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext

import torch
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from ..channels import Channels
from .base import DistillationLoss
from .utils import at_least_float32


def decomposed_reasoning(features: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Split logits, without their bias, into what positive and what negative weights add.

    Source: Baek et al., *Decomposed Knowledge Distillation for Class-Incremental Semantic
    Segmentation*, NeurIPS 2022, section 3.3; features that are not negative make the two the
    reasons for and against a class.

    Args:
        features: Features that enter the classifier (N, D, H, W).
        weight: Weight of the classifier (C, D, 1, 1).

    Returns:
        Positive and negative reasoning, each (N, C, H, W), float32 or float64.

    Example:
        >>> features = torch.tensor([1.0, 2.0]).reshape(1, 2, 1, 1)
        >>> weight = torch.tensor([3.0, -1.0]).reshape(1, 2, 1, 1)
        >>> [part.item() for part in decomposed_reasoning(features, weight)]
        [3.0, -2.0]
    """
    features, weight = at_least_float32(features), at_least_float32(weight)
    device = features.device.type
    # autocast would convolve in half precision, and refuses a device that has none
    available = torch.amp.is_autocast_available(device)
    with torch.autocast(device, enabled=False) if available else nullcontext():
        return F.conv2d(features, weight.clamp(min=0)), F.conv2d(features, weight.clamp(max=0))


def reasoning_distillation_maps(
    features: Tensor, weight: Tensor, old_features: Tensor, old_weight: Tensor
) -> tuple[Tensor, Tensor]:
    """Compute the binary cross-entropy of new and old reasoning, for and against each class.

    Source: as :func:`decomposed_reasoning`.

    Args:
        features: Features of the student (N, D, H, W).
        weight: Its classifier's weight of the old classes (C, D, 1, 1).
        old_features: Features of the old model (N, D, H, W). They get no gradient.
        old_weight: The old classifier's weight (C, D, 1, 1). It gets no gradient.

    Returns:
        Values (N, C, H, W) of the positive and of the negative reasoning.

    Raises:
        ValueError: If the shapes differ.
    """
    if features.shape != old_features.shape or weight.shape != old_weight.shape:
        raise ValueError(
            'student and old model must have features and weights of one shape, but they have '
            f'{tuple(features.shape)}, {tuple(weight.shape)} and {tuple(old_features.shape)}, '
            f'{tuple(old_weight.shape)}'
        )
    new = decomposed_reasoning(features, weight)
    old = decomposed_reasoning(old_features.detach(), old_weight.detach())
    positive, negative = (
        F.binary_cross_entropy_with_logits(part, wanted.sigmoid(), reduction='none')
        for part, wanted in zip(new, old, strict=True)
    )
    return positive, negative


@MODELS.register_module()
class DecomposedReasoning(DistillationLoss):
    """Both reasonings of the old classes but the background as a registered loss.

    The mean over positions of the sum over classes, see :func:`reasoning_distillation_maps`.

    Args:
        taps: The features that enter a classifier, and its weight of all channels.
        loss_weight: Factor of the loss.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.
    """

    needs_background = True

    def __init__(
        self,
        taps: Sequence[str] = ('head', 'classifier'),
        loss_weight: float = 1.0,
        loss_name: str = 'loss_reasoning',
    ) -> None:
        super().__init__(taps, loss_weight, loss_name)

    def distil(
        self, student: Mapping[str, Tensor], old: Mapping[str, Tensor], channels: Channels
    ) -> Tensor:
        """Compute the weighted loss.

        Args:
            student: Features (N, D, H, W) and weight (C or more, D, 1, 1) by tap.
            old: Those of the old model.
            channels: Channels of the step.

        Returns:
            Scalar.
        """
        features, weight = self.taps
        values = reasoning_distillation_maps(
            student[features],
            student[weight][1 : channels.num_old],
            old[features],
            old[weight][1 : channels.num_old],
        )
        return self.loss_weight * sum(part.sum(1).mean() for part in values)
