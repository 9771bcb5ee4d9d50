"""Endpoints weight fusion (EWF): the weights of a step are averaged with those before it."""

import math
from collections.abc import Mapping

from mmseg.registry import TASK_UTILS
from torch import Tensor, nn

from ...models.channels import Channels


def fusion_factor(channels: Channels) -> float:
    """Share sqrt(number of new classes / C) of the new weights; C counts the background.

    Source: Xiao et al., *Endpoints Weight Fusion for Class Incremental Semantic Segmentation*,
    CVPR 2023, section 3.3.

    Args:
        channels: Channels of the step.

    Returns:
        The factor, above 0 and at most 1.

    Example:
        >>> round(fusion_factor(Channels(num_old=16, num_new=5)), 4)
        0.488
    """
    return math.sqrt(channels.num_new / channels.num_classes)


def fuse_states(
    old: Mapping[str, Tensor], new: Mapping[str, Tensor], alpha: float
) -> dict[str, Tensor]:
    """Compute (1 - alpha) old + alpha new of every entry that both states have.

    An entry that grew, such as the merged convolution of a classifier, is fused in its first rows,
    and the others stay new. Integers, such as the number of batches that a batch normalisation
    saw, stay new as well.

    Args:
        old: State of the step before.
        new: State of the trained step.
        alpha: Share of the new state, 0 to 1.

    Returns:
        The entries of the new state; tensors of their own.

    Raises:
        ValueError: If the new state lacks an entry of the old one, or an entry has another shape
            than the old one otherwise than by further rows.

    Example:
        >>> import torch
        >>> old, new = torch.zeros(2), torch.ones(3)
        >>> fuse_states({'bias': old}, {'bias': new}, alpha=0.25)['bias'].tolist()
        [0.25, 0.25, 1.0]
    """
    if lost := sorted(set(old) - set(new)):
        raise ValueError(f'the new state lacks entries of the old one: {lost}')
    fused = {}
    for name, value in new.items():
        fused[name] = value.detach().clone()
        if name not in old or not value.is_floating_point():
            continue
        before = old[name].to(value)
        kept = fused[name][tuple(map(slice, before.shape))] if before.ndim <= value.ndim else value
        if kept.shape != before.shape or before.shape[1:] != value.shape[1:]:
            raise ValueError(
                f'entry {name!r} has shape {tuple(value.shape)}, but {tuple(before.shape)} in the '
                'old state'
            )
        kept.lerp_(before, 1 - alpha)
    return fused


@TASK_UTILS.register_module()
class WeightFusion:
    """Fuse the trained model with that of the step before, see :func:`fuse_states`.

    The fused model is the one that is tested and the next step's old model. Running statistics of
    batch normalisation are fused too; no data are looked at again.

    Args:
        alpha: Share of the new weights; None is :func:`fusion_factor`.
    """

    def __init__(self, alpha: float | None = None) -> None:
        self.alpha = alpha

    def __call__(
        self, model: nn.Module, old_state: Mapping[str, Tensor], channels: Channels
    ) -> None:
        """Fuse the model in place.

        Args:
            model: The trained model.
            old_state: State of the model of the step before, whose classifiers have fewer rows.
            channels: Channels of the step.
        """
        alpha = fusion_factor(channels) if self.alpha is None else self.alpha
        model.load_state_dict(fuse_states(old_state, model.state_dict(), alpha))
