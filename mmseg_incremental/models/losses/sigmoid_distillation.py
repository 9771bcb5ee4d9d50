"""Distillation of logits that decide by themselves, one sigmoid per channel."""

from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from .base import PixelDistillation
from .utils import at_least_float32, check_old_logits


def sigmoid_distillation_map(logits: Tensor, old_logits: Tensor) -> Tensor:
    r"""Compute the binary cross-entropy between the old model's and the student's classes.

    :math:`-\sigma(z^{old}_c) \ln \sigma(z_c) - (1 - \sigma(z^{old}_c)) \ln(1 - \sigma(z_c))` of
    every old class c but the background.

    Source: Baek et al., *Decomposed Knowledge Distillation for Class-Incremental Semantic
    Segmentation*, NeurIPS 2022, section 3.3.

    Args:
        logits: Logits of the student (N, C, H, W), background first, then old classes.
        old_logits: Logits of the old model (N, K, H, W). They get no gradient.

    Returns:
        Values (N, K - 1, H, W) in nats, float32 or float64.

    Raises:
        ValueError: If the shapes do not fit.

    Example:
        >>> import torch
        >>> sigmoid_distillation_map(torch.zeros(1, 3, 1, 1), torch.ones(1, 2, 1, 1)).shape
        torch.Size([1, 1, 1, 1])
    """
    check_old_logits(logits, old_logits)
    wanted = at_least_float32(old_logits.detach()[:, 1:]).sigmoid()
    student = at_least_float32(logits[:, 1 : old_logits.shape[1]])
    return F.binary_cross_entropy_with_logits(student, wanted, reduction='none')


@MODELS.register_module()
class SigmoidDistillation(PixelDistillation):
    """The sum over old classes as a registered loss, see :func:`sigmoid_distillation_map`.

    Args:
        module: Name of the sub-module whose output is compared; None is the logits of the decode
            head at the size of the labels.
        loss_weight: Factor of the loss.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.
    """

    per_channel = True
    needs_background = True

    def __init__(
        self,
        module: str | None = None,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_sigmoid_kd',
    ) -> None:
        super().__init__(module, loss_weight, loss_name)

    def pixel_loss(self, logits: Tensor, old_logits: Tensor) -> Tensor:
        """Unweighted loss (N, H, W); see the class."""
        return sigmoid_distillation_map(logits, old_logits).sum(1)
