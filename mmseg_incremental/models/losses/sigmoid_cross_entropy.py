"""Binary cross-entropy of every channel, for models whose channels decide by themselves."""

from collections.abc import Sequence

from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from .base import SegmentationLoss
from .utils import at_least_float32, average_pixels


def sigmoid_cross_entropy_map(
    logits: Tensor,
    target: Tensor,
    first_channel: int = 0,
    ignore_index: int = 255,
    positive_weight: float = 1.0,
) -> Tensor:
    """Compute the binary cross-entropy of every pixel, summed over channels.

    Args:
        logits: Logits (N, C, H, W).
        target: Labels (N, H, W), int64.
        first_channel: Channels from this one on are learnt, 0 to C.
        ignore_index: Label of the pixels that do not count.
        positive_weight: Factor of the labelled channel.

    Returns:
        Loss per pixel (N, H, W) in nats, float32 or float64; exactly 0 and without gradient where
        the pixel is ignored.

    Raises:
        ValueError: If the shapes do not fit or ``first_channel`` is not within 0 to C.
    """
    if logits.ndim != 4 or target.shape != logits.shape[:1] + logits.shape[2:]:
        raise ValueError(
            'logits must have shape (N, C, H, W) and target (N, H, W), but they have shapes '
            f'{tuple(logits.shape)} and {tuple(target.shape)}'
        )
    if not 0 <= first_channel <= logits.shape[1]:
        raise ValueError(
            f'first_channel must be within 0 to {logits.shape[1]} channels, not {first_channel}'
        )
    logits = at_least_float32(logits)
    ignored = target == ignore_index
    index = target.masked_fill(ignored, 0).unsqueeze(1)
    label = logits.gather(1, index)
    # -log sigmoid(z) of the label and -log(1 - sigmoid(z)) of the others, without 1 - sigmoid
    loss = -F.logsigmoid(-logits.scatter(1, index, -label))[:, first_channel:].sum(1)
    learnt = (index >= first_channel).squeeze(1)
    extra = -(positive_weight - 1) * F.logsigmoid(label.squeeze(1))
    return (loss + extra.masked_fill(~learnt, 0)).masked_fill(ignored, 0)


def sigmoid_cross_entropy(
    logits: Tensor,
    target: Tensor,
    first_channel: int = 0,
    ignore_index: int = 255,
    avg_non_ignore: bool = False,
    positive_weight: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    r"""Compute the binary cross-entropy of a sigmoid per channel, summed over channels.

    :math:`-\frac{1}{|I|} \sum_i \sum_{c \ge f} (p\, [y_i = c] \log \sigma(z_{ic}) + [y_i \ne c]
    \log (1 - \sigma(z_{ic})))` with the factor p of the labelled channel and the first learnt
    channel f. A pixel whose label lies below f is a negative example of every learnt channel.

    Source: over all channels with p = 1 the classification loss of Cha et al., *SSUL: Semantic
    Segmentation with Unknown Label for Exemplar-based Class-Incremental Learning*, 2021; over the
    new channels the modified binary cross-entropy of Baek et al., *Decomposed Knowledge
    Distillation for Class-Incremental Semantic Segmentation*, 2022.

    Args:
        logits: Logits (N, C, H, W): N pictures, C channels, H x W pixels.
        target: Labels (N, H, W), int64.
        first_channel: Channels from this one on are learnt, 0 to C.
        ignore_index: Label of the pixels that do not count.
        avg_non_ignore: Divide by the number of valid pixels instead of all pixels.
        positive_weight: Factor of the labelled channel.
        weight: Factor per pixel (N, H, W) or per picture (N, 1, 1).

    Returns:
        Scalar in nats, float32 or float64.

    Raises:
        ValueError: If the shapes do not fit or ``first_channel`` is not within 0 to C.

    Example:
        >>> import torch
        >>> target = torch.tensor([[[2]]])  # 3 log(2), and log(2) of the channel that is learnt
        >>> round(sigmoid_cross_entropy(torch.zeros(1, 3, 1, 1), target).item(), 4)
        2.0794
        >>> round(sigmoid_cross_entropy(torch.zeros(1, 3, 1, 1), target, first_channel=2).item(), 4)
        0.6931
    """
    loss = sigmoid_cross_entropy_map(logits, target, first_channel, ignore_index, positive_weight)
    return average_pixels(loss, target, ignore_index, avg_non_ignore, weight)


@MODELS.register_module()
class SigmoidCrossEntropy(SegmentationLoss):
    """Binary cross-entropy as the loss of a decode head, see :func:`sigmoid_cross_entropy`.

    Args:
        num_old: Number of old channels, background included; the config of a step fills it in.
        channels: ``'all'`` channels are learnt, or the ``'new'`` ones: those of the step's classes
            and the extra ones, which come last. The background is never new, at step 0 neither.
        positive_weight: Factor of the labelled channel, above 0.
        avg_non_ignore: Average over valid pixels instead of all pixels.
        loss_weight: Factor of the loss.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.
        class_weight: Factor per channel of the label, background first; the divisor stays as it
            is.

    Raises:
        ValueError: If ``channels`` is none of the two or ``positive_weight`` is not above 0.

    Example:
        >>> import torch
        >>> loss = MODELS.build(dict(type='SigmoidCrossEntropy', num_old=2, channels='new'))
        >>> round(loss(torch.zeros(1, 3, 1, 1), torch.tensor([[[0]]])).item(), 4)
        0.6931
    """

    def __init__(
        self,
        num_old: int = 0,
        channels: str = 'all',
        positive_weight: float = 1.0,
        avg_non_ignore: bool = False,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_bce',
        class_weight: Sequence[float] | None = None,
    ) -> None:
        super().__init__(avg_non_ignore, loss_weight, loss_name, class_weight)
        if channels not in ('all', 'new'):
            raise ValueError(f"channels must be 'all' or 'new', not {channels!r}")
        if not positive_weight > 0:
            raise ValueError(f'positive_weight must be above 0, not {positive_weight}')
        self.first_channel = max(num_old, 1) if channels == 'new' else 0
        self.reads_any_old = channels == 'new'
        self.positive_weight = positive_weight

    def pixel_loss(self, logits: Tensor, target: Tensor, ignore_index: int) -> Tensor:
        """Unweighted loss (N, H, W), see :func:`sigmoid_cross_entropy_map`."""
        return sigmoid_cross_entropy_map(
            logits, target, self.first_channel, ignore_index, self.positive_weight
        )
