"""Knowledge distillation (KD) of LwF."""

from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from .base import PixelDistillation
from .utils import at_least_float32, check_old_logits


def knowledge_distillation_map(logits: Tensor, old_logits: Tensor) -> Tensor:
    """Compute the knowledge distillation of every pixel.

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
    old_channels = at_least_float32(logits[:, :num_old])
    return F.cross_entropy(old_channels, old_prob, reduction='none') / num_old


def knowledge_distillation(logits: Tensor, old_logits: Tensor) -> Tensor:
    r"""Compute the cross-entropy between the old model and the old channels of the student.

    :math:`-\frac{1}{|I| K} \sum_i \sum_{c < K} q^{old}(i, c) \log q(i, c)`, where both softmaxes
    run over the K old channels only.

    Source: paper, section 4.2; Li and Hoiem, *Learning without Forgetting*, 2017; averaged over
    pixels and old channels as MiB's code does.

    Args:
        logits: Logits of the student (N, C, H, W): N pictures, C channels (old ones first),
            H x W pixels.
        old_logits: Logits of the old model (N, K, H, W), K <= C. They get no gradient.

    Returns:
        Scalar in nats, float32 or float64.

    Raises:
        ValueError: If the shapes do not fit.

    Example:
        >>> import torch
        >>> logits = torch.zeros(1, 3, 1, 1)
        >>> old_logits = torch.tensor([0.75, 0.25]).log().reshape(1, 2, 1, 1)
        >>> round(knowledge_distillation(logits, old_logits).item(), 4)  # log(2) / 2
        0.3466
    """
    return knowledge_distillation_map(logits, old_logits).mean()


@MODELS.register_module()
class KnowledgeDistillation(PixelDistillation):
    """Knowledge distillation as a registered loss, see :func:`knowledge_distillation`.

    Args:
        loss_weight: Factor of the loss.
        module: Name of the sub-module whose output is compared; None is the logits of the decode
            head.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.

    Example:
        >>> import torch
        >>> loss = MODELS.build(dict(type='KnowledgeDistillation', loss_weight=100.0))
        >>> round(loss(torch.zeros(1, 3, 1, 1), torch.zeros(1, 2, 1, 1)).item(), 4)
        34.6574
    """

    def __init__(
        self,
        loss_weight: float = 1.0,
        module: str | None = None,
        loss_name: str = 'loss_kd',
    ) -> None:
        super().__init__(module, loss_weight, loss_name)

    def pixel_loss(self, logits: Tensor, old_logits: Tensor) -> Tensor:
        """Unweighted loss (N, H, W), see :func:`knowledge_distillation_map`."""
        return knowledge_distillation_map(logits, old_logits)
