"""Unbiased cross-entropy (UNCE) of MiB."""

from collections.abc import Sequence

import torch
from mmseg.registry import MODELS
from torch import Tensor

from .unbiased_loss import UnbiasedLoss
from .utils import at_least_float32, average_pixels, read_old_labels


def unbiased_cross_entropy_map(
    logits: Tensor,
    target: Tensor,
    num_old: int,
    ignore_index: int = 255,
    old_labels: str = 'background',
) -> Tensor:
    """Compute the unbiased cross-entropy of every pixel.

    Args:
        logits: Logits (N, C, H, W): N pictures, C channels (old ones first, background is 0),
            H x W pixels.
        target: Labels (N, H, W), int64.
        num_old: Number of old channels, background included; 0 or 1 gives plain cross-entropy.
        ignore_index: Label of the pixels that do not count.
        old_labels: How a label of an old class is read: ``'background'``, which it is to a step
            that knows the new classes only, or ``'kept'``, as pictures of a memory carry them.

    Returns:
        Loss per pixel (N, H, W) in nats, float32 or float64; exactly 0 and without gradient where
        the pixel is ignored.

    Raises:
        ValueError: If the shapes do not fit or ``num_old`` is not within 0 to C.
        InputError: If ``old_labels`` is none of the two.
    """
    if logits.ndim != 4 or target.shape != logits.shape[:1] + logits.shape[2:]:
        raise ValueError(
            'logits must have shape (N, C, H, W) and target (N, H, W), but they have shapes '
            f'{tuple(logits.shape)} and {tuple(target.shape)}'
        )
    if not 0 <= num_old <= logits.shape[1]:
        raise ValueError(f'num_old must be within 0 to {logits.shape[1]} channels, not {num_old}')

    logits = at_least_float32(logits)
    ignored = target == ignore_index
    index = read_old_labels(target, num_old, ignore_index, old_labels).masked_fill(ignored, 0)
    score = logits.gather(1, index.unsqueeze(1)).squeeze(1)
    if num_old > 1:
        background = logits[:, :num_old].logsumexp(1)
        score = torch.where(index == 0, background, score)
    return (logits.logsumexp(1) - score).masked_fill(ignored, 0)


def unbiased_cross_entropy(
    logits: Tensor,
    target: Tensor,
    num_old: int,
    ignore_index: int = 255,
    avg_non_ignore: bool = False,
    weight: Tensor | None = None,
    old_labels: str = 'background',
) -> Tensor:
    r"""Compute the cross-entropy in which background stands for every old class as well.

    The labels of a step know the new classes only, so a background pixel may show an old class:
    :math:`-\frac{1}{|I|} \sum_i \log \tilde q(i, y_i)` with :math:`\tilde q(i, b) = \sum_{k < K}
    q(i, k)` for background and :math:`\tilde q(i, c) = q(i, c)` for any other labelled class c.

    Source: paper, section 4.4, second equation of the cross-entropy; Cermelli et al., *Modeling
    the Background for Incremental Learning in Semantic Segmentation*, 2020.

    Args:
        logits: Logits (N, C, H, W): N pictures, C channels (old ones first, background is 0),
            H x W pixels.
        target: Labels (N, H, W), int64.
        num_old: Number K of old channels, background included; 0 or 1 gives plain cross-entropy.
        ignore_index: Label of the pixels that do not count.
        avg_non_ignore: Divide by the number of valid pixels; the default divides by the number
            of all pixels, as MiB does.
        weight: Factor per pixel (N, H, W) or per picture (N, 1, 1).
        old_labels: How a label of an old class is read: ``'background'``, which it is to a step
            that knows the new classes only, or ``'kept'``, as pictures of a memory carry them.

    Returns:
        Scalar in nats, float32 or float64.

    Raises:
        ValueError: If the shapes do not fit or ``num_old`` is not within 0 to C.
        InputError: If ``old_labels`` is none of the two.

    Example:
        >>> logits = torch.tensor([0.5, 0.25, 0.25]).log().reshape(1, 3, 1, 1).expand(1, 3, 1, 2)
        >>> target = torch.tensor([[[0, 2]]])  # -log(0.5 + 0.25) and -log(0.25)
        >>> round(unbiased_cross_entropy(logits, target, num_old=2).item(), 4)
        0.837
    """
    loss = unbiased_cross_entropy_map(logits, target, num_old, ignore_index, old_labels)
    return average_pixels(loss, target, ignore_index, avg_non_ignore, weight)


@MODELS.register_module()
class UnbiasedCrossEntropy(UnbiasedLoss):
    """Unbiased cross-entropy as the loss of a decode head, see :func:`unbiased_cross_entropy`.

    Args:
        num_old: Number of old channels, background included; the config of a step fills it in.
        avg_non_ignore: Average over valid pixels instead of all pixels.
        loss_weight: Factor of the loss.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.
        class_weight: Factor per channel, background first; the divisor stays as it is.
        old_labels: How a label of an old class is read: ``'background'``, which it is to a step
            that knows the new classes only, or ``'kept'``, as pictures of a memory carry them.

    Example:
        >>> loss = MODELS.build(dict(type='UnbiasedCrossEntropy', num_old=2, loss_weight=2.0))
        >>> logits = torch.tensor([0.5, 0.25, 0.25]).log().reshape(1, 3, 1, 1)
        >>> round(loss(logits, torch.tensor([[[0]]])).item(), 4)
        0.5754
    """

    def __init__(
        self,
        num_old: int = 0,
        avg_non_ignore: bool = False,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_unce',
        class_weight: Sequence[float] | None = None,
        old_labels: str = 'background',
    ) -> None:
        super().__init__(num_old, avg_non_ignore, loss_weight, loss_name, class_weight, old_labels)

    def pixel_loss(self, logits: Tensor, target: Tensor, ignore_index: int) -> Tensor:
        """Unweighted loss (N, H, W), see :func:`unbiased_cross_entropy_map`."""
        return unbiased_cross_entropy_map(
            logits, target, self.num_old, ignore_index, self.old_labels
        )
