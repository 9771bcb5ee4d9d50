"""mmseg's own cross-entropy as a loss with one value per pixel."""

from functools import lru_cache

import torch
from mmseg.models.losses import CrossEntropyLoss
from mmseg.models.losses.cross_entropy_loss import cross_entropy
from torch import Tensor, nn

from ..losses import UnbiasedCrossEntropy
from ..losses.utils import class_factor

#: What mmseg adds to a divisor that may be 0.
EPS = torch.finfo(torch.float32).eps


class MmsegCrossEntropy(UnbiasedCrossEntropy):
    """The loss of mmseg's ``CrossEntropyLoss``.

    With weights of classes it divides by their sum over the valid pixels.
    """

    def divisor(self, target: Tensor, ignore_index: int) -> int | Tensor:
        """What the sum over the pixels of a batch (N, H, W) is divided by."""
        if self.class_weight is None:
            return super().divisor(target, ignore_index)
        factor = class_factor(self.class_weight, target, ignore_index, torch.float64)
        return (factor * (target != ignore_index)).sum() + EPS


def as_pixel_cross_entropy(loss: nn.Module) -> MmsegCrossEntropy | None:
    """Translate mmseg's cross-entropy.

    Args:
        loss: Loss of a head.

    Returns:
        The same loss; None if it is another class, or one of sigmoids or masks, or no mean.
    """
    if type(loss) is not CrossEntropyLoss:
        return None
    if loss.cls_criterion is not cross_entropy or loss.reduction != 'mean':
        return None
    class_weight = None if loss.class_weight is None else tuple(loss.class_weight)
    return _translated(loss.avg_non_ignore, loss.loss_weight, loss.loss_name, class_weight)


@lru_cache
def _translated(
    avg_non_ignore: bool,
    loss_weight: float,
    loss_name: str,
    class_weight: tuple[float, ...] | None,
) -> MmsegCrossEntropy:
    """One object for all iterations, so that a compiled piece is compiled once."""
    return MmsegCrossEntropy(
        avg_non_ignore=avg_non_ignore,
        loss_weight=loss_weight,
        loss_name=loss_name,
        class_weight=class_weight,
    )
