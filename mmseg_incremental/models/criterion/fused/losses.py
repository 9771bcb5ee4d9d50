"""The losses of a head in the fused way."""

import torch
from torch import Tensor

from ...losses.utils import check_old_logits
from ..pixel_terms import PixelTerms
from .logit_losses import logit_losses
from .terms import make_terms
from .vocabulary import CROSS_ENTROPIES, DISTILLATIONS


def can_fuse(terms: PixelTerms, old_logits: Tensor | None) -> bool:
    """Whether all losses are known, have their maps and mean the same old channels.

    Args:
        terms: The losses.
        old_logits: Logits of the old model (N, K, h, w); None without distillation.

    Returns:
        Whether :func:`fused_losses` takes them.
    """
    return (
        all(type(loss) in CROSS_ENTROPIES for loss in terms.losses)
        and all(type(loss) in DISTILLATIONS for loss in terms.distillation)
        and all(terms.batch.map(n) is not None for loss in terms.losses for n in loss.pixel_maps)
        and len(_old_channels(terms, old_logits)) < 2
    )


def fused_losses(
    logits: Tensor, old_logits: Tensor | None, terms: PixelTerms, compiled: bool = False
) -> tuple[Tensor, Tensor]:
    """Compute losses of logits that are resized to the labels bilinearly.

    Args:
        logits: Logits of the student (N, C, h, w).
        old_logits: Logits of the old model (N, K, h, w); None without distillation.
        terms: T losses that :func:`can_fuse` approves.
        compiled: As for :func:`.logit_losses.logit_losses`.

    Returns:
        Losses (T,), float32 or float64, and the number of valid pixels whose labelled channel no
        other channel exceeds, a scalar.

    Raises:
        ValueError: If the shapes of old and new logits do not fit.
        RuntimeError: If a label is outside the channels.
    """
    if old_logits is not None:
        check_old_logits(logits, old_logits)
    num_old = max(_old_channels(terms, old_logits), default=1)
    dtype = torch.promote_types(logits.dtype, torch.float32)
    return logit_losses(
        logits,
        terms.batch.target,
        make_terms(terms, num_old, dtype),
        old_logits,
        num_old,
        terms.align_corners,
        terms.ignore_index,
        compiled,
    )


def _old_channels(terms: PixelTerms, old_logits: Tensor | None) -> set[int]:
    """Numbers of old channels that the losses speak of, where it is more than the background."""
    numbers = {loss.num_old for loss in terms.losses} - {0, 1}
    return numbers if old_logits is None else numbers | {old_logits.shape[1]}
