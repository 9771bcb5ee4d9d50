"""Thresholds of PLOP: for every class the median entropy of the old model on background pixels."""

import torch
from mmengine.dist import all_reduce
from mmseg.registry import TASK_UTILS
from torch import Tensor

from ...errors import InputError
from ...models.channels import Channels
from ...models.labelled_batch import LabelledBatch
from ..targets.entropy_pseudo_labels import CODE_EPSILON, code_entropy_scale, normalised_entropy

#: Least threshold of the variants that read a histogram of 100 bins.
FLOOR = 0.001
_LINEAR_BINS = 100
#: Bins that are 2048 to an octave, from 2**-24 to 8 nats: the top 20 bits of a float32.
_SHIFT = 12
_FIRST = (127 - 24) << (23 - _SHIFT)
_LOG_BINS = ((127 + 3) << (23 - _SHIFT)) - _FIRST


def histogram_thresholds(histograms: Tensor, cumulative: bool, floor: float = FLOOR) -> Tensor:
    """Read the median of every histogram over [0, 1], linearly within the bin that holds it.

    PLOP's code searches with a running sum s to which it adds the number of a bin, not the bin's
    count. Its thresholds are right where the median is in the first bin and mostly too large where
    it is not; where no bin ends the search, more than 9900 counts give infinity, which accepts
    every pixel, and fewer the floor. NaN, which accepts none, is possible. Its published numbers
    were made so.

    Args:
        histograms: Counts (K, B), one row per class.
        cumulative: Whether s adds up the counts; if not, it is the code's.
        floor: Least threshold, also that of a class without counts.

    Returns:
        Thresholds (K,), float64, on the CPU.

    Example:
        >>> histograms = torch.tensor([[3, 2, 4] + 97 * [0]])
        >>> [round(histogram_thresholds(histograms, c).item(), 5) for c in (True, False)]
        [0.0175, 0.02875]
    """
    rows = histograms.double().cpu()
    return torch.stack([_median(row, cumulative).clamp(min=floor) for row in rows])


def _median(counts: Tensor, cumulative: bool) -> Tensor:
    num_bins, half, below = len(counts), counts.sum() / 2, torch.zeros_like(counts[0])
    if half == 0:
        return below
    for level in range(num_bins):
        # the code's bin: 28 where the level is 29, and s grows by what is a little below 29
        place = level if cumulative else level / num_bins * num_bins
        count = counts[int(place)]
        if below <= half <= below + count:
            break
        below = below + (count if cumulative else place)
    return (level + (half - below) / count) / num_bins


def _log_bin(entropy: Tensor) -> Tensor:
    bits = entropy.float().view(torch.int32) >> _SHIFT
    return (bits.long() - _FIRST).clamp(0, _LOG_BINS - 1)


def _linear_bin(entropy: Tensor) -> Tensor:
    return (_LINEAR_BINS * entropy).long().clamp(0, _LINEAR_BINS - 1)


def _mean_at_median(counts: Tensor, sums: Tensor) -> Tensor:
    """Mean of the values in the bin of the (lower) median of every row; 0 for an empty row."""
    ends = counts.cumsum(1)
    rank = (ends[:, -1:] + 1) // 2
    place = (ends < rank).sum(1, keepdim=True)
    return (sums.gather(1, place) / counts.gather(1, place).clamp(min=1)).squeeze(1)


@TASK_UTILS.register_module()
class EntropyThresholds:
    """Survey of the old model's entropies on background pixels, by predicted class.

    Source: Douillard et al., PLOP, CVPR 2021, section 3.3: the threshold of a class is the median.

    Args:
        threshold: How the entropy is scaled and the median read.

            - ``'code'``: as the authors' code, see :func:`histogram_thresholds`; it made the
              published numbers.
            - ``'histogram'``: the same entropy and bins, with the median of the histogram.
            - ``'paper'``: the median of the entropy in nats, the lower one of two, without a
              floor. Its bins are 2048 to an octave and the threshold is the mean within one, so
              it is off by less than 0.05 %, and exact where all values in it are equal.

    Raises:
        InputError: If there is no such variant.
    """

    def __init__(self, threshold: str = 'code') -> None:
        known = ('code', 'histogram', 'paper')
        if threshold not in known:
            raise InputError(
                f"survey 'EntropyThresholds': threshold is {threshold!r}; known are {list(known)}"
            )
        self.threshold = threshold

    def start(self, channels: Channels) -> None:
        """Begin with empty histograms.

        Args:
            channels: Channels of the step that is to be trained.
        """
        self._channels = channels
        self._scale, self._epsilon, self._num_bins = 1.0, 0.0, _LOG_BINS
        if self.threshold != 'paper':
            self._scale = code_entropy_scale(channels.num_old, channels.num_classes)
            self._epsilon, self._num_bins = CODE_EPSILON, _LINEAR_BINS
        # the last place is for pixels that do not count: to select the others would wait for a GPU
        places = channels.num_classes * self._num_bins + 1
        self._counts = torch.zeros(places, dtype=torch.int64)
        self._sums = torch.zeros(places, dtype=torch.float64)

    def observe(self, batch: LabelledBatch) -> None:
        """Add the background pixels of a batch."""
        to_bin = _log_bin if self.threshold == 'paper' else _linear_bin
        for labels, logits in batch.pictures():
            logits = logits[:, : self._channels.num_old]
            entropy = normalised_entropy(logits, self._scale, self._epsilon)
            index = logits.argmax(1) * self._num_bins + to_bin(entropy)
            index = index.masked_fill(labels != 0, len(self._counts) - 1).flatten()
            self._counts, self._sums = self._counts.to(index.device), self._sums.to(index.device)
            self._counts.scatter_add_(0, index, torch.ones_like(index))
            self._sums.scatter_add_(0, index, entropy.flatten().double())

    def finish(self) -> dict[str, Tensor]:
        """Reduce over all processes and read the medians.

        Returns:
            On the CPU: ``thresholds`` (C,) and the number of pixels ``counts`` (C,) they are the
            medians of; new classes, which the old model cannot predict, have none.
            ``entropy_scale`` and ``entropy_epsilon`` say how
            :func:`~..targets.entropy_pseudo_labels.normalised_entropy` was called.
        """
        all_reduce(self._counts)
        all_reduce(self._sums)
        shape = self._channels.num_classes, self._num_bins
        counts, sums = (kept[:-1].view(shape).cpu() for kept in (self._counts, self._sums))
        if self.threshold == 'paper':
            thresholds = _mean_at_median(counts, sums)
        else:
            thresholds = histogram_thresholds(counts, self.threshold == 'histogram')
        return dict(
            thresholds=thresholds,
            counts=counts.sum(1),
            entropy_scale=torch.tensor(self._scale, dtype=torch.float64),
            entropy_epsilon=torch.tensor(self._epsilon, dtype=torch.float64),
        )
