"""Distillation of intermediate features, as ILT does."""

from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from .base import DistillationLoss
from .utils import at_least_float32


def feature_distillation(features: Tensor, old_features: Tensor) -> Tensor:
    """Compute the mean squared difference between new and old features.

    Source: paper, section 4.3; Michieli and Zanuttigh, *Incremental Learning Techniques for
    Semantic Segmentation*, 2019.

    Args:
        features: Features of the student, any shape, mostly (N, D, H, W): N pictures, D feature
            channels, H x W positions.
        old_features: Features of the old model, the same shape. They get no gradient.

    Returns:
        Scalar, the mean over all elements, float32 or float64.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> import torch
        >>> feature_distillation(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0])).item()
        2.0
    """
    if features.shape != old_features.shape:
        raise ValueError(
            'student and old features must have one shape, but have shapes '
            f'{tuple(features.shape)} and {tuple(old_features.shape)}'
        )
    return F.mse_loss(at_least_float32(features), at_least_float32(old_features.detach()))


@MODELS.register_module()
class FeatureDistillation(DistillationLoss):
    """Distillation of features as a registered loss, see :func:`feature_distillation`.

    Args:
        module: Name of the sub-module whose output is compared. The default is the first
            attention refinement module (ARM) of BiSeNet, as in the paper.
        loss_weight: Factor of the loss.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.

    Example:
        >>> import torch
        >>> loss = MODELS.build(dict(type='FeatureDistillation', loss_weight=100.0))
        >>> loss(torch.ones(1, 2, 3, 3), torch.zeros(1, 2, 3, 3)).item()
        100.0
    """

    def __init__(
        self,
        module: str = 'backbone.context_path.arm16',
        loss_weight: float = 1.0,
        loss_name: str = 'loss_feat',
    ) -> None:
        super().__init__((module,), loss_weight, loss_name)

    def forward(self, student: Tensor, old: Tensor) -> Tensor:
        """Compute the weighted loss; see :class:`DistillationLoss`."""
        return self.loss_weight * feature_distillation(student, old)
