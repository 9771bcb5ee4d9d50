"""A batch as the parts of a method that make labels see it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from mmseg.models.utils import resize
from torch import Tensor

from .channels import Channels


class Targets(NamedTuple):
    """What the segmentation losses of a batch learn from.

    Args:
        labels: Labels (N, H, W), int64.
        weight: Factor of every pixel (N, H, W), or of every picture (N, 1, 1); None is 1.
    """

    labels: Tensor
    weight: Tensor | None = None


@dataclass(frozen=True)
class LabelledBatch:
    """Labels of a batch beside what the old model says of its pixels.

    Args:
        labels: Labels of the step (N, H, W), int64.
        old_logits: Logits of the old model's decode head (N, K, h, w), without gradient; None at
            step 0.
        channels: Channels of the step.
        align_corners: As in ``torch.nn.functional.interpolate``; the decode head's.
        ignore_index: Label of the pixels that do not count.
        statistics: What the survey before the step found, by name.
    """

    labels: Tensor
    old_logits: Tensor | None
    channels: Channels
    align_corners: bool = False
    ignore_index: int = 255
    statistics: Mapping[str, Tensor] = field(default_factory=dict)

    def pictures(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Labels and old logits of one picture after the other.

        Yields:
            Labels (1, H, W) and the old logits at their size (1, K, H, W), so that the logits of
            one picture are held at a time.
        """
        for labels, logits in zip(self.labels.split(1), self.old_logits.split(1), strict=True):
            size = labels.shape[-2:]
            yield labels, resize(logits, size, mode='bilinear', align_corners=self.align_corners)
