"""The few numbers per pixel that every loss of the fused criterion is a weighted sum of."""

from functools import reduce
from operator import add
from typing import NamedTuple

from torch import Tensor


class LogSums(NamedTuple):
    r"""Log-sum-exps and other sums of the logits z of a pixel, or the weights of such sums.

    With K old channels, background (channel 0) included, and q the softmax of the old model,
    every loss of the fused criterion is a weighted sum of these, or a function of such a sum,
    where the weights depend on labels and old model only. The plain cross-entropy is
    ``LogSums(everything=1, label=-1)``, for instance. One log-sum-exp per group of channels
    therefore serves all losses of a step, and their gradients follow without a further rule.

    The weights of a loss are one of these as well; None is the weight 0. Every entry is a number
    or has one value per pixel.

    Args:
        everything: :math:`\log \sum_c e^{z_c}` over all channels.
        old: :math:`\log \sum_{c<K} e^{z_c}`, background included.
        new: :math:`\log (e^{z_0} + \sum_{c \ge K} e^{z_c})`: new classes and background.
        background: :math:`z_0`.
        label: :math:`z_y` of the labelled channel y.
        agreement: :math:`\sum_{1 \le c < K} q_c z_c`; the background's part is a weight
            :math:`q_0` of ``background``.
    """

    everything: Tensor | float | None = None
    old: Tensor | float | None = None
    new: Tensor | float | None = None
    background: Tensor | float | None = None
    label: Tensor | float | None = None
    agreement: Tensor | float | None = None

    def dot(self, weights: 'LogSums') -> Tensor:
        """Sum of the entries, each times its weight."""
        return reduce(add, (w * s for s, w in zip(self, weights, strict=True) if w is not None))

    def scaled(self, factor: Tensor | float) -> 'LogSums':
        """Every entry times a factor."""
        return LogSums(*(None if entry is None else factor * entry for entry in self))

    def plus(self, other: 'LogSums') -> 'LogSums':
        """Sum of the two, entry by entry."""
        pairs = (
            [entry for entry in pair if entry is not None] for pair in zip(self, other, strict=True)
        )
        return LogSums(*(reduce(add, pair) if pair else None for pair in pairs))
