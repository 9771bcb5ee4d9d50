"""Losses from low-resolution logits."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import torch
from mmseg.models.losses import CrossEntropyLoss
from mmseg.models.losses.cross_entropy_loss import cross_entropy
from mmseg.utils import SampleList
from torch import Tensor, nn

from ..losses.base import DistillationLoss, SegmentationLoss
from ..losses.unbiased_cross_entropy import UnbiasedCrossEntropy
from ..losses.utils import check_old_logits
from ..pixel_maps import stack_pixel_map
from .full import FullCriterion
from .logit_losses import logit_losses
from .terms import Term, cross_entropy_term, distillation_term

#: What mmseg adds to a divisor that may be 0.
_EPS = torch.finfo(torch.float32).eps


class PiecewiseCriterion:
    """Losses of a head without its full-resolution logits, see :func:`.logit_losses.logit_losses`.

    It has the values and the gradients of :class:`FullCriterion`, which takes over where a loss,
    a pixel sampler or a missing map needs all logits at once.

    Args:
        compiled: Whether ``torch.compile`` is used on a CPU too.
    """

    def __init__(self, compiled: bool = False) -> None:
        self.compiled = compiled
        self.full = FullCriterion()

    def __call__(
        self,
        head: nn.Module,
        logits: Tensor,
        samples: SampleList,
        distillation: Sequence[DistillationLoss] = (),
        old_logits: Tensor | None = None,
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Compute the losses; arguments and result are those of :class:`FullCriterion`."""
        target = torch.stack([sample.gt_sem_seg.data[0] for sample in samples])
        old_logits = old_logits if distillation else None
        terms = _terms(head, target, samples, distillation, old_logits)
        num_old = _num_old(head, old_logits)
        if terms is None or num_old is None:
            return self.full(head, logits, samples, distillation, old_logits)
        if old_logits is not None:
            check_old_logits(logits, old_logits)
        values, correct = logit_losses(
            logits,
            target,
            terms,
            old_logits,
            num_old,
            head.align_corners,
            head.ignore_index,
            self.compiled,
        )
        losses: dict[str, Tensor] = {}
        for loss, value in zip(_losses(head), values, strict=False):
            losses[loss.loss_name] = losses.get(loss.loss_name, 0) + value
        counting = (target != head.ignore_index).sum()
        losses['acc_seg'] = 100 * (correct + _EPS) / (counting + _EPS)
        return losses, list(values[len(terms) - len(distillation) :])


def _losses(head: nn.Module) -> list[nn.Module]:
    losses = head.loss_decode
    return list(losses) if isinstance(losses, nn.ModuleList) else [losses]


def _terms(
    head: nn.Module,
    target: Tensor,
    samples: SampleList,
    distillation: Sequence[DistillationLoss],
    old_logits: Tensor | None,
) -> list[Term] | None:
    """Terms of the head's losses and of the distillation; None if one needs all logits."""
    if head.sampler is not None or head.out_channels == 1:
        return None
    terms = [_segmentation_term(loss, target, head.ignore_index, samples) for loss in _losses(head)]
    for loss in distillation:
        if loss.log_sum_weights is None:
            return None
        terms.append(distillation_term(loss, target.numel(), old_logits.shape[1]))
    return None if None in terms else terms


def _segmentation_term(
    loss: nn.Module, target: Tensor, ignore_index: int, samples: SampleList
) -> Term | None:
    if type(loss) is CrossEntropyLoss:
        return _mmseg_cross_entropy_term(loss, target, ignore_index)
    if not isinstance(loss, SegmentationLoss) or loss.modulate is None:
        return None
    maps = {name: stack_pixel_map(name, samples) for name in loss.pixel_maps}
    if any(values is None for values in maps.values()):
        return None
    return cross_entropy_term(loss, target, ignore_index, maps)


def _mmseg_cross_entropy_term(
    loss: CrossEntropyLoss, target: Tensor, ignore_index: int
) -> Term | None:
    """Term of mmseg's own cross-entropy, which divides by the sum of the class weights."""
    if loss.cls_criterion is not cross_entropy or loss.reduction != 'mean':
        return None
    class_weight = None if loss.class_weight is None else tuple(loss.class_weight)
    same = _plain_cross_entropy(loss.avg_non_ignore, loss.loss_weight, class_weight)
    term = cross_entropy_term(same, target, ignore_index, {})
    if class_weight is None:
        return term
    weights = term.maps['counts'].sum(dtype=torch.float64)
    return replace(term, scale=loss.loss_weight / (weights + _EPS))


@lru_cache
def _plain_cross_entropy(
    avg_non_ignore: bool, loss_weight: float, class_weight: tuple[float, ...] | None
) -> UnbiasedCrossEntropy:
    """One object for all iterations, so that a compiled piece is compiled once."""
    return UnbiasedCrossEntropy(
        avg_non_ignore=avg_non_ignore, loss_weight=loss_weight, class_weight=class_weight
    )


def _num_old(head: nn.Module, old_logits: Tensor | None) -> int | None:
    """Number of old channels that all losses speak of, 1 without any; None if they differ."""
    numbers = {getattr(loss, 'num_old', 1) for loss in _losses(head)} - {0, 1}
    if old_logits is not None:
        numbers.add(old_logits.shape[1])
    return min(numbers, default=1) if len(numbers) < 2 else None
