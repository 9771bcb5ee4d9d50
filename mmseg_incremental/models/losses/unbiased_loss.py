"""What the unbiased losses share."""

from collections.abc import Sequence

from torch import Tensor

from .base import SegmentationLoss
from .utils import check_old_labels, read_old_labels


class UnbiasedLoss(SegmentationLoss):
    """A loss in which background stands for every old class as well.

    Args:
        num_old: Number of old channels, background included; the config of a step fills it in.
        avg_non_ignore: Average over valid pixels instead of all pixels.
        loss_weight: Factor of the loss.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.
        class_weight: Factor per channel, background first; the divisor stays as it is.
        old_labels: How a label of an old class is read, ``'background'`` or ``'kept'``.

    Raises:
        InputError: If ``old_labels`` is neither.
    """

    #: Label 0 may stand for any old class in a task without a background too.
    reads_any_old = True

    def __init__(
        self,
        num_old: int,
        avg_non_ignore: bool,
        loss_weight: float,
        loss_name: str,
        class_weight: Sequence[float] | None,
        old_labels: str,
    ) -> None:
        super().__init__(avg_non_ignore, loss_weight, loss_name, class_weight)
        check_old_labels(old_labels)
        self.num_old = num_old
        self.old_labels = old_labels

    def read_labels(self, target: Tensor, ignore_index: int) -> Tensor:
        """Labels as the loss reads them (N, H, W), see :func:`.utils.read_old_labels`."""
        return read_old_labels(target, self.num_old, ignore_index, self.old_labels)
