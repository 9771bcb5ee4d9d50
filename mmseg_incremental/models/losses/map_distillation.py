"""Distillation of feature maps: a distance and a factor for every pair of new and old maps."""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..channels import Channels
from .base import DistillationLoss
from .utils import at_least_float32


def adaptive_factor(channels: Channels) -> float:
    """Factor sqrt(C / number of new classes) by which distillation grows with the old classes.

    The background counts as one of the C classes (PLOP, section 4.1, as its code counts).

    Args:
        channels: Channels of the step.

    Returns:
        The factor.
    """
    return math.sqrt(channels.num_classes / channels.num_new)


def fold_new_channels(logits: Tensor, channels: Channels) -> Tensor:
    """Add the logits of the new classes to the background's, so that the old model's compare.

    Without a background they are left out.

    Args:
        logits: Logits of the student (N, C or more, H, W); extra channels are left out.
        channels: Channels of the step.

    Returns:
        Logits of the K old channels (N, K, H, W).
    """
    if not channels.background:
        return logits[:, : channels.num_old]
    new = logits[:, channels.num_old : channels.num_classes].sum(1, keepdim=True)
    return torch.cat([logits[:, :1] + new, logits[:, 1 : channels.num_old]], 1)


def comparable_maps(
    tap: str,
    student: Mapping[str, Tensor | Sequence[Tensor]],
    old: Mapping[str, Tensor | Sequence[Tensor]],
    channels: Channels,
) -> list[tuple[Tensor, Tensor]]:
    """Pairs of a new and an old map of one shape that a tap gives.

    Args:
        tap: Name of the output; ``'logits'`` are folded, see :func:`fold_new_channels`.
        student: Outputs of the student by tap, each (N, D, H, W) or several of them.
        old: Outputs of the old model.
        channels: Channels of the step.

    Returns:
        The pairs.
    """
    new, kept = (
        [output] if isinstance(output, Tensor) else list(output)
        for output in (student[tap], old[tap])
    )
    if tap == 'logits':
        new = [fold_new_channels(at_least_float32(logits), channels) for logits in new]
        kept = [logits[:, : channels.num_old] for logits in kept]
    return list(zip(new, kept, strict=True))


def check_one_shape(new: Tensor, old: Tensor) -> None:
    """Refuse maps of different shapes.

    Args:
        new: A map of the student.
        old: The old model's.

    Raises:
        ValueError: If their shapes differ.
    """
    if new.shape != old.shape:
        raise ValueError(
            'student and old maps must have one shape, but have shapes '
            f'{tuple(new.shape)} and {tuple(old.shape)}'
        )


class MapDistillation(DistillationLoss):
    """The mean over maps of their distances, each with a factor, times :func:`adaptive_factor`.

    New channels of the logits are folded into the background (:func:`fold_new_channels`).
    """

    @abstractmethod
    def distance(self, new: Tensor, old: Tensor) -> Tensor:
        """Distance of two maps (N, D, H, W) of one shape, a scalar."""

    @abstractmethod
    def factors(self, num_maps: Mapping[str, int]) -> list[float]:
        """Factor of every map, from the number of maps of every tap."""

    def distil(
        self,
        student: Mapping[str, Tensor | Sequence[Tensor]],
        old: Mapping[str, Tensor | Sequence[Tensor]],
        channels: Channels,
    ) -> Tensor:
        """Compute the weighted loss.

        Args:
            student: Outputs of the student by tap, each (N, D, H, W) or several of them.
            old: Outputs of the old model.
            channels: Channels of the step.

        Returns:
            Scalar.

        Raises:
            ValueError: If the two maps of a pair have different shapes.
        """
        maps = {tap: comparable_maps(tap, student, old, channels) for tap in self.taps}
        factors = self.factors({tap: len(pairs) for tap, pairs in maps.items()})
        pairs = [pair for tap in self.taps for pair in maps[tap]]
        distances = [
            factor * self.distance(new, kept)
            for factor, (new, kept) in zip(factors, pairs, strict=True)
        ]
        return self.loss_weight * adaptive_factor(channels) * torch.stack(distances).mean()
