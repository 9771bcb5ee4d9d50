"""Focal unbiased cross-entropy (FUCE), the contribution of the paper."""

from collections.abc import Sequence

import torch
from mmseg.registry import MODELS
from torch import Tensor

from .unbiased_cross_entropy import unbiased_cross_entropy_map
from .unbiased_loss import UnbiasedLoss
from .utils import average_pixels


def focal_unbiased_cross_entropy_map(
    logits: Tensor,
    target: Tensor,
    num_old: int,
    alpha: float = 1.0,
    gamma: float = 2.0,
    ignore_index: int = 255,
    old_labels: str = 'background',
) -> Tensor:
    """Compute the focal unbiased cross-entropy of every pixel.

    Args:
        logits: Logits (N, C, H, W).
        target: Labels (N, H, W), int64.
        num_old: Number of old channels, background included; 0 or 1 gives the plain focal loss.
        alpha: Factor of the whole loss, above 0.
        gamma: Exponent of the modulating factor, at least 0.
        ignore_index: Label of the pixels that do not count.
        old_labels: As for :func:`.unbiased_cross_entropy_map`.

    Returns:
        Loss per pixel (N, H, W) in nats, float32 or float64; exactly 0 and without gradient where
        the pixel is ignored.

    Raises:
        ValueError: If the shapes do not fit or ``num_old`` is not within 0 to C.
        InputError: If ``old_labels`` is neither ``'background'`` nor ``'kept'``.
    """
    loss = unbiased_cross_entropy_map(logits, target, num_old, ignore_index, old_labels)
    # expm1 keeps the digits of 1 - p near p = 1. The clamp removes a p that rounding put above 1,
    # and the infinite slope at p = 1 that a gamma below 1 has: 0 * inf would be a NaN gradient.
    uncertainty = (-torch.expm1(-loss)).clamp(min=torch.finfo(loss.dtype).tiny)
    return alpha * uncertainty**gamma * loss


def focal_unbiased_cross_entropy(
    logits: Tensor,
    target: Tensor,
    num_old: int,
    alpha: float = 1.0,
    gamma: float = 2.0,
    ignore_index: int = 255,
    avg_non_ignore: bool = False,
    weight: Tensor | None = None,
    old_labels: str = 'background',
) -> Tensor:
    r"""Compute the unbiased cross-entropy with pixels that are already certain weighted down.

    :math:`\frac{\alpha}{|I|} \sum_i (1 - p_i)^\gamma l_i`, where :math:`l_i` is the unbiased
    cross-entropy of pixel i and :math:`p_i = e^{-l_i}`. Gradient flows through the modulating
    factor. ``alpha=1, gamma=0`` is :func:`unbiased_cross_entropy`.

    Source: paper, section 5.1, last equation, over the loss of section 4.4; Lin et al., *Focal
    Loss for Dense Object Detection*, 2018, equations 4 and 5, with one alpha for all classes.

    Args:
        logits: Logits (N, C, H, W): N pictures, C channels (old ones first, background is 0),
            H x W pixels.
        target: Labels (N, H, W), int64.
        num_old: Number of old channels, background included; 0 or 1 gives the plain focal loss.
        alpha: Factor of the whole loss, above 0.
        gamma: Exponent of the modulating factor, at least 0.
        ignore_index: Label of the pixels that do not count.
        avg_non_ignore: Divide by the number of valid pixels instead of all pixels.
        weight: Factor per pixel (N, H, W) or per picture (N, 1, 1).
        old_labels: As for :func:`.unbiased_cross_entropy`.

    Returns:
        Scalar in nats, float32 or float64.

    Raises:
        ValueError: If the shapes do not fit or ``num_old`` is not within 0 to C.
        InputError: If ``old_labels`` is neither ``'background'`` nor ``'kept'``.

    Example:
        >>> logits = torch.tensor([0.5, 0.25, 0.25]).log().reshape(1, 3, 1, 1)
        >>> target = torch.tensor([[[0]]])  # (1 - 0.75)^2 * -log(0.75)
        >>> round(focal_unbiased_cross_entropy(logits, target, num_old=2).item(), 4)
        0.018
    """
    loss = focal_unbiased_cross_entropy_map(
        logits, target, num_old, alpha, gamma, ignore_index, old_labels
    )
    return average_pixels(loss, target, ignore_index, avg_non_ignore, weight)


@MODELS.register_module()
class FocalUnbiasedCrossEntropy(UnbiasedLoss):
    """Focal unbiased cross-entropy as the loss of a decode head.

    See :func:`focal_unbiased_cross_entropy`.

    Args:
        num_old: Number of old channels, background included; the config of a step fills it in.
        alpha: Factor of the whole loss, above 0.
        gamma: Exponent of the modulating factor, at least 0.
        avg_non_ignore: Average over valid pixels instead of all pixels.
        loss_weight: Factor of the loss.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.
        class_weight: Factor per channel, background first; the divisor stays as it is.
        old_labels: How a label of an old class is read: ``'background'``, which it is to a step
            that knows the new classes only, or ``'kept'``, as pictures of a memory carry them.

    Raises:
        ValueError: If ``alpha`` is not above 0 or ``gamma`` is below 0.
        InputError: If ``old_labels`` is none of the two.

    Example:
        >>> loss = MODELS.build(dict(type='FocalUnbiasedCrossEntropy', num_old=2, gamma=1.0))
        >>> logits = torch.tensor([0.5, 0.25, 0.25]).log().reshape(1, 3, 1, 1)
        >>> round(loss(logits, torch.tensor([[[0]]])).item(), 4)
        0.0719
    """

    def __init__(
        self,
        num_old: int = 0,
        alpha: float = 1.0,
        gamma: float = 2.0,
        avg_non_ignore: bool = False,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_fuce',
        class_weight: Sequence[float] | None = None,
        old_labels: str = 'background',
    ) -> None:
        super().__init__(num_old, avg_non_ignore, loss_weight, loss_name, class_weight, old_labels)
        if not alpha > 0:
            raise ValueError(f'alpha must be above 0, not {alpha}')
        if not gamma >= 0:
            raise ValueError(f'gamma must be at least 0, not {gamma}')
        self.alpha = alpha
        self.gamma = gamma

    def pixel_loss(self, logits: Tensor, target: Tensor, ignore_index: int) -> Tensor:
        """Unweighted loss (N, H, W), see :func:`focal_unbiased_cross_entropy_map`."""
        return focal_unbiased_cross_entropy_map(
            logits, target, self.num_old, self.alpha, self.gamma, ignore_index, self.old_labels
        )
