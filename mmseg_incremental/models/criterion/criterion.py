"""From the low-resolution logits of a head to its losses."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..losses import DistillationLoss
from ..pixel_batch import PixelBatch
from .full import full_losses
from .fused import can_fuse, fused_losses
from .generic import generic_losses
from .pixel_terms import PixelTerms, pixel_terms

#: What mmseg adds to both sides of an accuracy.
_EPS = torch.finfo(torch.float32).eps


class Criterion:
    """Losses of a head; up to rounding the same in whichever of three ways they are computed.

    - fused: losses that all are known by their exact class are computed in small pieces from
      shared log-sum-exps (:func:`.fused.fused_losses`);
    - generic: other losses with a value per pixel are computed one picture after the other
      (:func:`.generic.generic_losses`);
    - full: a head that computes its losses in its own way, a loss that is no sum over pixels and
      a pixel sampler get full-resolution logits (:func:`.full.full_losses`).

    Args:
        fast_path: Whether the first two ways are taken where they can be.

    Attributes:
        compiled: Whether ``torch.compile`` is used for the fused way on a CPU too.
    """

    def __init__(self, fast_path: bool = True) -> None:
        self.fast_path = fast_path
        self.compiled = False

    def __call__(
        self,
        head: nn.Module,
        logits: Tensor,
        batch: PixelBatch,
        distillation: Sequence[DistillationLoss] = (),
        old_logits: Tensor | None = None,
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Compute the losses.

        Args:
            head: Decode head.
            logits: Its logits (N, C, h, w).
            batch: The batch; its weight multiplies the head's losses, not the distillation.
            distillation: Losses that compare these logits with the old model's.
            old_logits: Logits of the old model (N, K, h, w); only needed with ``distillation``.

        Returns:
            Losses of the head by name, with its pixel accuracy ``acc_seg``, and the distillation
            losses.

        Raises:
            InputError: If the batch has a weight that a loss cannot take, or if the head computes
                losses from more than its logits.
        """
        old_logits = old_logits if distillation else None
        terms = pixel_terms(head, batch, distillation) if self.fast_path else None
        if terms is None:
            return full_losses(head, logits, batch, distillation, old_logits)
        if can_fuse(terms, old_logits):
            values, correct = fused_losses(logits, old_logits, terms, self.compiled)
        else:
            values, correct = generic_losses(logits, old_logits, terms)
        return _named(terms, values, correct)


def _named(
    terms: PixelTerms, values: Tensor, correct: Tensor
) -> tuple[dict[str, Tensor], list[Tensor]]:
    losses: dict[str, Tensor] = {}
    for loss, value in zip(terms.losses, values, strict=False):
        losses[loss.loss_name] = losses.get(loss.loss_name, 0) + value
    counting = (terms.batch.target != terms.ignore_index).sum()
    losses['acc_seg'] = 100 * (correct + _EPS) / (counting + _EPS)
    return losses, list(values[len(terms.losses) :])
