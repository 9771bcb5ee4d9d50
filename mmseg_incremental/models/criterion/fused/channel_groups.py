"""From the logits of a piece to its log-sums, and from their gradients back to the logits."""

from functools import reduce
from operator import add

import torch
from torch import Tensor

from .log_sums import LogSums


class ChannelGroups:
    """Logits in three groups: the background, the other old channels, the new channels.

    One exponential per logit, relative to the largest of its group, gives all log-sums that the
    losses take and, once more, all gradients.

    Args:
        logits: Logits of the student (..., C, W); overwritten.
        target: Labels (..., W), int64, within 0 to C - 1.
        num_old: Number K of old channels, background included, at least 1.
        old_logits: Logits of the old model (..., K, W); overwritten. None without an old model.
    """

    def __init__(
        self, logits: Tensor, target: Tensor, num_old: int, old_logits: Tensor | None = None
    ) -> None:
        self.target = target.unsqueeze(-2)
        self.others = slice(1, num_old)
        self.added = slice(num_old, None)
        background = logits[..., 0, :].clone()
        label = logits.gather(-2, self.target).squeeze(-2)
        self.old_model = None if old_logits is None else _Group(old_logits)
        agreement = None
        if self.old_model is not None and num_old > 1:
            products = self.old_model.exps[..., self.others, :] * logits[..., self.others, :]
            agreement = products.sum(-2) / self.old_model.total
        self.exps = logits  # channel 0 stays a logit, which nothing reads
        self.old = _Group(logits[..., self.others, :]) if num_old > 1 else None
        self.new = _Group(logits[..., self.added, :]) if num_old < logits.shape[-2] else None
        old = _add_exps(background, self.old)
        self.sums = LogSums(
            everything=_add_exps(old, self.new),
            old=old,
            new=_add_exps(background, self.new),
            background=background,
            label=label,
            agreement=agreement,
        )

    @property
    def old_background(self) -> Tensor:
        """Probability of the background by the old model (..., W)."""
        return self.old_model.exps[..., 0, :] / self.old_model.total

    def label_is_best(self) -> Tensor:
        """Whether no channel exceeds the labelled one (..., W)."""
        best = self.sums.background
        for group in (self.old, self.new):
            best = best if group is None else torch.maximum(best, group.largest)
        return self.sums.label >= best

    def gradient(self, weights: LogSums, overwrite: bool = False) -> Tensor:
        """Gradient of a weighted sum of the log-sums with respect to the logits.

        Args:
            weights: Weights of the log-sums, one value per pixel (..., W) or one for all.
            overwrite: Whether this is the last gradient, which may take the place of the logits.

        Returns:
            Gradient (..., C, W).
        """
        gradient = self.exps if overwrite else self.exps.clone()
        background = self._shares(self.sums.background, weights, ('everything', 'old', 'new'))
        if weights.background is not None:
            background = background + weights.background
        gradient[..., 0, :] = background
        if self.old is not None:
            shares = self._shares(self.old.log_sum, weights, ('everything', 'old'))
            part = gradient[..., self.others, :].mul_((shares / self.old.total).unsqueeze(-2))
            if weights.agreement is not None:
                agreement = weights.agreement / self.old_model.total
                part.addcmul_(self.old_model.exps[..., self.others, :], agreement.unsqueeze(-2))
        if self.new is not None:
            shares = self._shares(self.new.log_sum, weights, ('everything', 'new'))
            gradient[..., self.added, :].mul_((shares / self.new.total).unsqueeze(-2))
        if weights.label is not None:
            label = torch.as_tensor(weights.label, dtype=background.dtype).expand_as(background)
            gradient.scatter_add_(-2, self.target, label.unsqueeze(-2))
        return gradient

    def _shares(self, group: Tensor, weights: LogSums, names: tuple[str, ...]) -> Tensor:
        """Sum over log-sums of their weight times the share that the group has in them."""
        parts = [
            getattr(weights, name) * torch.exp(group - getattr(self.sums, name))
            for name in names
            if getattr(weights, name) is not None
        ]
        return reduce(add, parts) if parts else torch.zeros_like(group)


class _Group:
    """Exponentials of the logits of some channels (..., c, W), in their place, and their sum."""

    def __init__(self, logits: Tensor) -> None:
        self.largest = logits.amax(-2)
        self.exps = logits.sub_(self.largest.unsqueeze(-2)).exp_()
        self.total = self.exps.sum(-2)
        self.log_sum = self.largest + self.total.log()


def _add_exps(first: Tensor, group: _Group | None) -> Tensor:
    return first if group is None else torch.logaddexp(first, group.log_sum)
