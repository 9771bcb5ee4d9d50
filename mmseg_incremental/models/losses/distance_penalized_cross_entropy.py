"""Distance map penalized cross-entropy (DPCE), the future work of the paper."""

from collections.abc import Sequence

import numpy as np
import torch
from mmseg.registry import MODELS
from torch import Tensor

from ...utils.distance_map import boundary_distance_map, check_sigma
from .unbiased_cross_entropy import unbiased_cross_entropy_map
from .unbiased_loss import UnbiasedLoss
from .utils import average_pixels, read_old_labels


def distance_penalized_cross_entropy_map(
    logits: Tensor,
    target: Tensor,
    num_old: int = 0,
    ignore_index: int = 255,
    sigma: float = 5.0,
    distance_map: Tensor | None = None,
    old_labels: str = 'background',
) -> Tensor:
    """Compute the distance penalized cross-entropy of every pixel.

    Args:
        logits: Logits (N, C, H, W).
        target: Labels (N, H, W), int64.
        num_old: Number of old channels, background included; 0 or 1 weighs plain cross-entropy.
        ignore_index: Label of the pixels that do not count.
        sigma: As for :func:`distance_penalized_cross_entropy`.
        distance_map: As for :func:`distance_penalized_cross_entropy`.
        old_labels: As for :func:`.unbiased_cross_entropy_map`.

    Returns:
        Loss per pixel (N, H, W) in nats, float32 or float64; exactly 0 and without gradient where
        the pixel is ignored.

    Raises:
        ValueError: If the shapes do not fit or ``num_old`` is not within 0 to C.
        InputError: If the map is to be computed with a ``sigma`` that is not above 0, or if
            ``old_labels`` is neither ``'background'`` nor ``'kept'``.
    """
    loss = unbiased_cross_entropy_map(logits, target, num_old, ignore_index, old_labels)
    if distance_map is None:
        labels = read_old_labels(target, num_old, ignore_index, old_labels).cpu().numpy()
        maps = [boundary_distance_map(picture, ignore_index, sigma) for picture in labels]
        distance_map = torch.from_numpy(np.stack(maps)).to(target.device)
    if distance_map.shape != target.shape:
        raise ValueError(
            f'distance_map must have one value per pixel, shape {tuple(target.shape)}, '
            f'but has shape {tuple(distance_map.shape)}'
        )
    return (1 + distance_map.to(loss.dtype)) * loss


def distance_penalized_cross_entropy(
    logits: Tensor,
    target: Tensor,
    num_old: int = 0,
    ignore_index: int = 255,
    avg_non_ignore: bool = False,
    sigma: float = 5.0,
    weight: Tensor | None = None,
    distance_map: Tensor | None = None,
    old_labels: str = 'background',
) -> Tensor:
    r"""Compute the unbiased cross-entropy with pixels near a class boundary weighted up.

    :math:`\frac{1}{|I|} \sum_i (1 + D_i) l_i`, where :math:`l_i` is the unbiased cross-entropy of
    pixel i (plain at ``num_old`` 0 or 1) and D is the distance map, by default
    :func:`~mmseg_incremental.utils.distance_map.boundary_distance_map` of the labels as the loss
    reads them, mostly with the old classes merged into background. A boundary pixel weighs almost
    twice, a pixel far from any boundary once.

    Source: paper, section 6, equation of the DPCE, which leaves D open. The default ``sigma`` is
    the width of the boundary weights of Ronneberger et al., *U-Net*, 2015, equation 2.

    Args:
        logits: Logits (N, C, H, W): N pictures, C channels (old ones first, background is 0),
            H x W pixels.
        target: Labels (N, H, W), int64.
        num_old: Number of old channels, background included; 0 or 1 weighs plain cross-entropy.
        ignore_index: Label of the pixels that do not count.
        avg_non_ignore: Divide by the number of valid pixels instead of all pixels.
        sigma: Distance in pixels over which the extra weight falls by a factor e, above 0. Of no
            effect if ``distance_map`` is given.
        weight: Factor per pixel (N, H, W) or per picture (N, 1, 1).
        distance_map: D (N, H, W). None computes it here, on the CPU and one picture after the
            other: milliseconds each, so it is meant for use outside a sequence, where no data
            worker makes the map.
        old_labels: As for :func:`.unbiased_cross_entropy`.

    Returns:
        Scalar in nats, float32 or float64.

    Raises:
        ValueError: If the shapes do not fit or ``num_old`` is not within 0 to C.
        InputError: If the map is to be computed with a ``sigma`` that is not above 0, or if
            ``old_labels`` is neither ``'background'`` nor ``'kept'``.

    Example:
        >>> target = torch.tensor([[[0, 1]]])  # both pixels: (1 + exp(-1 / 5)) * log(2)
        >>> round(distance_penalized_cross_entropy(torch.zeros(1, 2, 1, 2), target).item(), 4)
        1.2606
    """
    loss = distance_penalized_cross_entropy_map(
        logits, target, num_old, ignore_index, sigma, distance_map, old_labels
    )
    return average_pixels(loss, target, ignore_index, avg_non_ignore, weight)


@MODELS.register_module()
class DistancePenalizedCrossEntropy(UnbiasedLoss):
    """Distance penalized cross-entropy as the loss of a decode head.

    See :func:`distance_penalized_cross_entropy`. In a sequence the distance map comes from the
    data workers, see :class:`~mmseg_incremental.datasets.AddDistanceMap`; a head whose data
    samples have none leaves it to the loss, which is slow.

    Args:
        num_old: Number of old channels, background included; the config of a step fills it in.
        sigma: Distance in pixels over which the extra weight falls by a factor e, above 0.
        avg_non_ignore: Average over valid pixels instead of all pixels.
        loss_weight: Factor of the loss.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.
        class_weight: Factor per channel, background first; the divisor stays as it is.
        old_labels: How a label of an old class is read: ``'background'``, which it is to a step
            that knows the new classes only, or ``'kept'``, as pictures of a memory carry them.

    Raises:
        InputError: If ``sigma`` is not above 0 or ``old_labels`` is none of the two.

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
        old_labels: str = 'background',
    ) -> None:
        super().__init__(num_old, avg_non_ignore, loss_weight, loss_name, class_weight, old_labels)
        check_sigma(sigma)
        self.sigma = sigma

    def pixel_loss(
        self,
        logits: Tensor,
        target: Tensor,
        ignore_index: int,
        distance_map: Tensor | None = None,
    ) -> Tensor:
        """Unweighted loss (N, H, W), see :func:`distance_penalized_cross_entropy_map`."""
        return distance_penalized_cross_entropy_map(
            logits, target, self.num_old, ignore_index, self.sigma, distance_map, self.old_labels
        )

    def transforms(self) -> list[dict]:
        """Config of the transform that makes the distance map as this loss reads the labels."""
        merged = 0 if self.old_labels == 'kept' else self.num_old
        return [dict(type='AddDistanceMap', sigma=self.sigma, num_old=merged)]
