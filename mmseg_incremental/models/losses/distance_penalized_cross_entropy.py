"""Distance map penalized cross-entropy (DPCE), the future work of the paper."""

from collections.abc import Sequence

import numpy as np
import torch
from mmseg.registry import MODELS
from torch import Tensor

from ...utils.distance_map import boundary_distance_map, check_sigma
from .base import SegmentationLoss
from .unbiased_cross_entropy import unbiased_cross_entropy_map
from .utils import average_pixels, merge_old_labels


def distance_penalized_cross_entropy(
    logits: Tensor,
    target: Tensor,
    num_old: int = 0,
    ignore_index: int = 255,
    avg_non_ignore: bool = False,
    sigma: float = 5.0,
    weight: Tensor | None = None,
    distance_map: Tensor | None = None,
) -> Tensor:
    r"""Compute the unbiased cross-entropy with pixels near a class boundary weighted up.

    :math:`\frac{1}{|I|} \sum_i (1 + D_i) l_i`, where :math:`l_i` is the unbiased cross-entropy of
    pixel i (plain at ``num_old`` 0 or 1) and D is the distance map, by default
    :func:`~mmseg_incremental.utils.distance_map.boundary_distance_map` of the labels with the old
    classes merged into background, as the loss sees them. A boundary pixel weighs almost twice, a
    pixel far from any boundary once.

    Source: paper, section 6, equation of the DPCE, which leaves D open. The default ``sigma`` is
    the width of the boundary weights of Ronneberger et al., *U-Net*, 2015, equation 2.

    Args:
        logits: Logits (N, C, H, W): N pictures, C channels (old ones first, background is 0),
            H x W pixels.
        target: Labels (N, H, W), int64. Labels below ``num_old`` count as background.
        num_old: Number of old channels, background included; 0 or 1 weighs plain cross-entropy.
        ignore_index: Label of the pixels that do not count.
        avg_non_ignore: Divide by the number of valid pixels instead of all pixels.
        sigma: Distance in pixels over which the extra weight falls by a factor e, above 0. Of no
            effect if ``distance_map`` is given.
        weight: Factor per pixel (N, H, W).
        distance_map: D (N, H, W). None computes it here, on the CPU and one picture after the
            other: milliseconds each, so it is meant for use outside a sequence, where no data
            worker makes the map.

    Returns:
        Scalar in nats, float32 or float64.

    Raises:
        ValueError: If the shapes do not fit or ``num_old`` is not within 0 to C.
        InputError: If the map is to be computed with a ``sigma`` that is not above 0.

    Example:
        >>> target = torch.tensor([[[0, 1]]])  # both pixels: (1 + exp(-1 / 5)) * log(2)
        >>> round(distance_penalized_cross_entropy(torch.zeros(1, 2, 1, 2), target).item(), 4)
        1.2606
    """
    loss = unbiased_cross_entropy_map(logits, target, num_old, ignore_index)
    if distance_map is None:
        labels = merge_old_labels(target, num_old, ignore_index).cpu().numpy()
        maps = [boundary_distance_map(picture, ignore_index, sigma) for picture in labels]
        distance_map = torch.from_numpy(np.stack(maps)).to(target.device)
    if distance_map.shape != target.shape:
        raise ValueError(
            f'distance_map must have one value per pixel, shape {tuple(target.shape)}, '
            f'but has shape {tuple(distance_map.shape)}'
        )
    loss = (1 + distance_map.to(loss.dtype)) * loss
    return average_pixels(loss, target, ignore_index, avg_non_ignore, weight)


@MODELS.register_module()
class DistancePenalizedCrossEntropy(SegmentationLoss):
    """Distance penalized cross-entropy as the loss of a decode head.

    See :func:`distance_penalized_cross_entropy`. In a sequence the distance map comes from the
    data workers, see :class:`~mmseg_incremental.datasets.AddDistanceMap`; a head whose data
    samples have none leaves it to the loss, which is slow.

    Args:
        num_old: Number of old channels, background included. The decode head sets it at each step.
        sigma: Distance in pixels over which the extra weight falls by a factor e, above 0.
        avg_non_ignore: Average over valid pixels instead of all pixels.
        loss_weight: Factor of the loss.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.
        class_weight: Factor per channel, background first; the divisor stays as it is.

    Raises:
        InputError: If ``sigma`` is not above 0.

    Example:
        >>> loss = MODELS.build(dict(type='DistancePenalizedCrossEntropy', sigma=1.0))
        >>> round(loss(torch.zeros(1, 2, 1, 2), torch.tensor([[[0, 1]]])).item(), 4)
        0.9481
    """

    pixel_maps = ('distance_map',)

    def __init__(
        self,
        num_old: int = 0,
        sigma: float = 5.0,
        avg_non_ignore: bool = False,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_dpce',
        class_weight: Sequence[float] | None = None,
    ) -> None:
        super().__init__(num_old, avg_non_ignore, loss_weight, loss_name, class_weight)
        check_sigma(sigma)
        self.sigma = sigma

    def compute(self, logits: Tensor, target: Tensor, **options: object) -> Tensor:
        """Compute the unweighted loss."""
        return distance_penalized_cross_entropy(logits, target, sigma=self.sigma, **options)

    def modulate(self, nll: Tensor, distance_map: Tensor) -> tuple[Tensor, Tensor]:
        """Penalized loss per pixel and its derivative."""
        penalty = 1 + distance_map
        return penalty * nll, penalty

    def transforms(self) -> list[dict]:
        """Config of the transform that makes the distance map as this loss sees the labels."""
        return [dict(type='AddDistanceMap', sigma=self.sigma, num_old=self.num_old)]
