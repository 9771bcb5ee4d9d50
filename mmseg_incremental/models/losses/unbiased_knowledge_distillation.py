"""Unbiased knowledge distillation (UNKD) of MiB."""

import torch
from mmseg.registry import MODELS
from torch import Tensor

from .base import PixelDistillation
from .knowledge_distillation import knowledge_distillation_map
from .utils import at_least_float32, check_old_logits


def unbiased_knowledge_distillation_map(logits: Tensor, old_logits: Tensor) -> Tensor:
    """Compute the unbiased knowledge distillation of every pixel.

    Args:
        logits: Logits of the student (N, C, H, W).
        old_logits: Logits of the old model (N, K, H, W), K <= C. They get no gradient.

    Returns:
        Loss per pixel (N, H, W) in nats, float32 or float64.

    Raises:
        ValueError: If the shapes do not fit.
    """
    check_old_logits(logits, old_logits)
    num_old = old_logits.shape[1]
    old_prob = at_least_float32(old_logits.detach()).softmax(1)
    log_prob = at_least_float32(logits).log_softmax(1)
    background = torch.cat([log_prob[:, :1], log_prob[:, num_old:]], 1).logsumexp(1)
    others = (old_prob[:, 1:] * log_prob[:, 1:num_old]).sum(1)
    return -(old_prob[:, 0] * background + others) / num_old


def unbiased_knowledge_distillation(logits: Tensor, old_logits: Tensor) -> Tensor:
    r"""Compute the distillation in which the old background stands for every new class as well.

    The old model calls the new classes background: :math:`-\frac{1}{|I| K} \sum_i \sum_{c < K}
    q^{old}(i, c) \log \hat q(i, c)` with :math:`\hat q(i, b) = q(i, b) + \sum_{k \ge K} q(i, k)`
    for background and :math:`\hat q(i, c) = q(i, c)` for any other old class c. Without a new
    class it equals :func:`knowledge_distillation`.

    Source: paper, section 4.4, equation of the distillation loss; Cermelli et al., *Modeling the
    Background for Incremental Learning in Semantic Segmentation*, 2020; averaged over pixels and
    old channels as MiB's code does.

    Args:
        logits: Logits of the student (N, C, H, W): N pictures, C channels (old ones first,
            background is 0), H x W pixels.
        old_logits: Logits of the old model (N, K, H, W), K <= C. They get no gradient.

    Returns:
        Scalar in nats, float32 or float64.

    Raises:
        ValueError: If the shapes do not fit.

    Example:
        >>> logits = torch.tensor([0.25, 0.5, 0.25]).log().reshape(1, 3, 1, 1)
        >>> old_logits = torch.tensor([0.75, 0.25]).log().reshape(1, 2, 1, 1)
        >>> round(unbiased_knowledge_distillation(logits, old_logits).item(), 4)  # log(2) / 2
        0.3466
    """
    return unbiased_knowledge_distillation_map(logits, old_logits).mean()


@MODELS.register_module()
class UnbiasedKnowledgeDistillation(PixelDistillation):
    """Unbiased distillation as a registered loss, see :func:`unbiased_knowledge_distillation`.

    Without a background no old channel stands for the new classes: the old classes are compared
    among themselves, as :func:`knowledge_distillation` does.

    Args:
        loss_weight: Factor of the loss.
        module: Name of the sub-module whose output is compared; None is the logits of the decode
            head.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.
        background: Whether channel 0 is the background; the config of a step fills it in.

    Example:
        >>> loss = MODELS.build(dict(type='UnbiasedKnowledgeDistillation', loss_weight=10.0))
        >>> logits = torch.tensor([0.25, 0.5, 0.25]).log().reshape(1, 3, 1, 1)
        >>> round(loss(logits, torch.zeros(1, 2, 1, 1)).item(), 4)
        3.4657
    """

    def __init__(
        self,
        loss_weight: float = 1.0,
        module: str | None = None,
        loss_name: str = 'loss_unkd',
        background: bool = True,
    ) -> None:
        super().__init__(module, loss_weight, loss_name)
        self.background = background

    def pixel_loss(self, logits: Tensor, old_logits: Tensor) -> Tensor:
        """Unweighted loss (N, H, W), see :func:`unbiased_knowledge_distillation_map`."""
        if not self.background:
            return knowledge_distillation_map(logits, old_logits)
        return unbiased_knowledge_distillation_map(logits, old_logits)
