"""The losses of a head that are sums over pixels, with what they learn from."""

from collections.abc import Sequence
from dataclasses import dataclass

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import nn

from ...errors import InputError
from ..losses import DistillationLoss, PixelDistillation, SegmentationLoss
from ..pixel_batch import PixelBatch
from .mmseg_cross_entropy import as_pixel_cross_entropy


@dataclass(frozen=True)
class PixelTerms:
    """Losses that are sums over pixels, with what they learn from.

    Args:
        losses: Segmentation losses.
        distillation: Distillation of the logits.
        batch: The batch.
        align_corners: How logits are resized, as in ``torch.nn.functional.interpolate``.
        ignore_index: Label of the pixels that no segmentation loss counts.
    """

    losses: Sequence[SegmentationLoss]
    distillation: Sequence[PixelDistillation]
    batch: PixelBatch
    align_corners: bool = False
    ignore_index: int = 255


def pixel_terms(
    head: nn.Module, batch: PixelBatch, distillation: Sequence[DistillationLoss]
) -> PixelTerms | None:
    """Losses of a head as sums over pixels.

    Args:
        head: Decode head.
        batch: The batch.
        distillation: Distillation of its logits.

    Returns:
        The losses; None if one needs the logits of all pixels at once, or if the head computes
        its losses in a way of its own.

    Raises:
        InputError: As for :func:`has_own_losses`.
    """
    if has_own_losses(head) or head.sampler is not None or head.out_channels == 1:
        return None
    losses = [_as_pixel_loss(loss) for loss in losses_of(head)]
    if None in losses or not all(map(_is_sum_over_pixels, distillation)):
        return None
    return PixelTerms(losses, tuple(distillation), batch, head.align_corners, head.ignore_index)


def has_own_losses(head: nn.Module) -> bool:
    """Whether a head computes its losses otherwise than mmseg's base class.

    Raises:
        InputError: If it does so where its logits are not all that it takes.
    """
    if type(head).loss is not BaseDecodeHead.loss:
        raise InputError(
            f'{type(head).__name__} has a method loss of its own, whose terms would be lost, since '
            'losses are computed from the logits of a head; move them to loss_by_feat'
        )
    return type(head).loss_by_feat is not BaseDecodeHead.loss_by_feat


def losses_of(head: nn.Module) -> list[nn.Module]:
    """Segmentation losses of a head, one or several."""
    losses = head.loss_decode
    return list(losses) if isinstance(losses, nn.ModuleList) else [losses]


def _as_pixel_loss(loss: nn.Module) -> SegmentationLoss | None:
    if isinstance(loss, SegmentationLoss) and type(loss).forward is SegmentationLoss.forward:
        return loss
    return as_pixel_cross_entropy(loss)


def _is_sum_over_pixels(loss: DistillationLoss) -> bool:
    own = type(loss).forward is not PixelDistillation.forward
    return isinstance(loss, PixelDistillation) and not own
