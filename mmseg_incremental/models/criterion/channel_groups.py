"""From the logits of a piece to its log-sums, and from their gradients back to the logits."""

import torch
from torch import Tensor

from ..losses.log_sums import LogSums


class ChannelGroups:
    """Logits in three groups: the background, the other old channels, the new channels.

    One exponential per logit, relative to the largest of its group, gives all log-sums that the
    losses take and, once more, all gradients.

    Args:
        logits: Logits of the student (..., C, W).
        target: Labels (..., W), int64, within 0 to C - 1.
        num_old: Number K of old channels, background included, at least 1.
        old_logits: Logits of the old model (..., K, W); None without an old model.
    """

    def __init__(
        self, logits: Tensor, target: Tensor, num_old: int, old_logits: Tensor | None = None
    ) -> None:
        num_channels = logits.shape[-2]
        self.target = target.unsqueeze(-2)
        self.background = logits[..., 0, :]
        self.others = slice(1, num_old)
        self.added = slice(num_old, None)
        self.old = _Group(logits[..., self.others, :]) if num_old > 1 else None
        self.new = _Group(logits[..., self.added, :]) if num_old < num_channels else None
        self.old_prob = None if old_logits is None else _Group(old_logits).softmax()
        self.sums = self._sums(logits)

    def _sums(self, logits: Tensor) -> LogSums:
        old = _add_exps(self.background, self.old)
        agreement = None
        if self.old_prob is not None and self.old is not None:
            product = self.old_prob[..., self.others, :] * logits[..., self.others, :]
            agreement = product.sum(-2)
        return LogSums(
            everything=_add_exps(old, self.new),
            old=old,
            new=_add_exps(self.background, self.new),
            background=self.background,
            label=logits.gather(-2, self.target).squeeze(-2),
            agreement=agreement,
        )

    def label_is_best(self) -> Tensor:
        """Whether no channel exceeds the labelled one (..., W)."""
        best = self.background
        for group in (self.old, self.new):
            best = best if group is None else torch.maximum(best, group.largest)
        return self.sums.label >= best

    def gradient(self, weights: LogSums) -> Tensor:
        """Gradient of a weighted sum of the log-sums with respect to the logits.

        Args:
            weights: Weights of the log-sums, one value per pixel (..., W) or one for all.

        Returns:
            Gradient (..., C, W).
        """
        shares = self._shares(self.background, weights, ('everything', 'old', 'new'))
        if weights.background is not None:
            shares = shares + weights.background
        parts = [shares.unsqueeze(-2)]
        if self.old is not None:
            old = self.old.spread(self._shares(self.old.log_sum, weights, ('everything', 'old')))
            if weights.agreement is not None:
                agreement = torch.as_tensor(weights.agreement).expand_as(shares).unsqueeze(-2)
                old = old.addcmul_(self.old_prob[..., self.others, :], agreement)
            parts.append(old)
        if self.new is not None:
            shares = self._shares(self.new.log_sum, weights, ('everything', 'new'))
            parts.append(self.new.spread(shares))
        gradient = torch.cat(parts, -2)
        if weights.label is not None:
            label = torch.as_tensor(weights.label, dtype=gradient.dtype).expand_as(shares)
            gradient.scatter_add_(-2, self.target, label.unsqueeze(-2))
        return gradient

    def _shares(self, group: Tensor, weights: LogSums, names: tuple[str, ...]) -> Tensor:
        """Sum over log-sums of their weight times the share that the group has in them."""
        parts = [
            getattr(weights, name) * torch.exp(group - getattr(self.sums, name))
            for name in names
            if getattr(weights, name) is not None
        ]
        return sum(parts) if parts else torch.zeros_like(group)


class _Group:
    """Exponentials of the logits of some channels (..., c, W) and their sum."""

    def __init__(self, logits: Tensor) -> None:
        self.largest = logits.amax(-2)
        self.exps = (logits - self.largest.unsqueeze(-2)).exp_()
        self.total = self.exps.sum(-2)
        self.log_sum = self.largest + self.total.log()

    def softmax(self) -> Tensor:
        """Share of each channel (..., c, W); the exponentials are overwritten."""
        return self.exps.mul_(self.total.reciprocal().unsqueeze(-2))

    def spread(self, value: Tensor) -> Tensor:
        """Divide a value per pixel among the channels by their share: (..., c, W)."""
        return self.exps * (value / self.total).unsqueeze(-2)


def _add_exps(first: Tensor, group: _Group | None) -> Tensor:
    return first if group is None else torch.logaddexp(first, group.log_sum)
