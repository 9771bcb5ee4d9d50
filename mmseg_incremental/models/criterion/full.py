"""Losses from full-resolution logits."""

from collections.abc import Sequence

from mmseg.models.utils import resize
from mmseg.utils import SampleList
from torch import Tensor, nn

from ..losses.base import DistillationLoss


class FullCriterion:
    """Losses of a head as mmseg computes them: the logits are resized to the labels first."""

    def __call__(
        self,
        head: nn.Module,
        logits: Tensor,
        samples: SampleList,
        distillation: Sequence[DistillationLoss] = (),
        old_logits: Tensor | None = None,
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Compute the losses.

        Args:
            head: Decode head.
            logits: Its logits (N, C, h, w).
            samples: N samples with ``gt_sem_seg`` of shape (1, H, W).
            distillation: Losses that compare these logits with the old model's.
            old_logits: Logits of the old model (N, K, h, w); only needed with ``distillation``.

        Returns:
            Losses of the head by name, with its pixel accuracy, and the distillation losses.
        """
        size = samples[0].gt_sem_seg.shape[-2:]
        options = dict(size=size, mode='bilinear', align_corners=head.align_corners)
        logits = resize(logits, **options)
        losses = head.loss_by_feat(logits, samples)
        if not distillation:
            return losses, []
        old_logits = resize(old_logits, **options)
        return losses, [loss(logits, old_logits) for loss in distillation]
