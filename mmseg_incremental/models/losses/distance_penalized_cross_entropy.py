"""Distance map penalized cross-entropy (DPCE), the future work of the paper."""

import numpy as np
import torch
from mmseg.registry import MODELS
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from .base import SegmentationLoss
from .unbiased_cross_entropy import unbiased_cross_entropy_map
from .utils import average_pixels, merge_old_labels


def boundary_distance_map(
    target: Tensor,
    ignore_index: int = 255,
    sigma: float = 5.0,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    r"""Compute how near each pixel is to a pixel of another class, 1 at most.

    :math:`D_i = e^{-d_i / \sigma}`, where :math:`d_i` is the euclidean distance between the
    centres of pixel i and of the nearest pixel of the same picture that has another class.
    Ignored pixels are no class: the distance is measured across them as if they were empty, and
    their own D is 0. D is 0 everywhere in a picture with a single class. SciPy works on the CPU,
    once per class in the picture.

    Args:
        target: Labels (N, H, W): N pictures of H x W pixels.
        ignore_index: Label of the pixels that are no class.
        sigma: Distance in pixels over which D falls by a factor e, above 0.
        dtype: Floating point type of the result.

    Returns:
        D (N, H, W), within [0, 1), on the device of ``target``.

    Example:
        >>> boundary_distance_map(torch.tensor([[[3, 3, 255, 7]]]), sigma=2.0)
        tensor([[[0.2231, 0.3679, 0.0000, 0.3679]]])
    """
    labels = target.cpu().numpy()
    nearness = np.zeros(labels.shape)
    for picture, near in zip(labels, nearness, strict=True):
        valid = picture != ignore_index
        classes = np.unique(picture[valid])
        # Without another class there is nothing to measure to, and SciPy would return garbage.
        for label in classes if len(classes) > 1 else ():
            own = picture == label
            distance = distance_transform_edt(own | ~valid)
            near[own] = np.exp(-distance[own] / sigma)
    return torch.from_numpy(nearness).to(dtype).to(target.device)


def distance_penalized_cross_entropy(
    logits: Tensor,
    target: Tensor,
    num_old: int = 0,
    ignore_index: int = 255,
    avg_non_ignore: bool = False,
    sigma: float = 5.0,
    weight: Tensor | None = None,
) -> Tensor:
    r"""Compute the unbiased cross-entropy with pixels near a class boundary weighted up.

    :math:`\frac{1}{|I|} \sum_i (1 + D_i) l_i`, where :math:`l_i` is the unbiased cross-entropy of
    pixel i (plain at ``num_old=0``) and D is :func:`boundary_distance_map` of the labels with the
    old classes merged into background, as the loss sees them. A boundary pixel weighs almost
    twice, a pixel far from any boundary once.

    Source: paper, section 6, equation of the DPCE, which leaves D open. The default ``sigma`` is
    the width of the boundary weights of Ronneberger et al., *U-Net*, 2015, equation 2.

    Args:
        logits: Logits (N, C, H, W): N pictures, C channels (old ones first, background is 0),
            H x W pixels.
        target: Labels (N, H, W), int64. Labels below ``num_old`` count as background.
        num_old: Number of old channels, background included; 0 or 1 weighs plain cross-entropy.
        ignore_index: Label of the pixels that do not count.
        avg_non_ignore: Divide by the number of valid pixels instead of all pixels.
        sigma: Distance in pixels over which the extra weight falls by a factor e, above 0.
        weight: Factor per pixel (N, H, W).

    Returns:
        Scalar in nats, float32 or float64.

    Raises:
        ValueError: If the shapes do not fit or ``num_old`` is not within 0 to C.

    Example:
        >>> target = torch.tensor([[[0, 1]]])  # both pixels: (1 + exp(-1 / 5)) * log(2)
        >>> round(distance_penalized_cross_entropy(torch.zeros(1, 2, 1, 2), target).item(), 4)
        1.2606
    """
    loss = unbiased_cross_entropy_map(logits, target, num_old, ignore_index)
    merged = merge_old_labels(target, num_old, ignore_index)
    loss = (1 + boundary_distance_map(merged, ignore_index, sigma, loss.dtype)) * loss
    return average_pixels(loss, target, ignore_index, avg_non_ignore, weight)


@MODELS.register_module()
class DistancePenalizedCrossEntropy(SegmentationLoss):
    """Distance penalized cross-entropy as the loss of a decode head.

    See :func:`distance_penalized_cross_entropy`.

    Args:
        num_old: Number of old channels, background included. The decode head sets it at each step.
        sigma: Distance in pixels over which the extra weight falls by a factor e, above 0.
        avg_non_ignore: Average over valid pixels instead of all pixels.
        loss_weight: Factor of the loss.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.

    Raises:
        ValueError: If ``sigma`` is not above 0.

    Example:
        >>> loss = MODELS.build(dict(type='DistancePenalizedCrossEntropy', sigma=1.0))
        >>> round(loss(torch.zeros(1, 2, 1, 2), torch.tensor([[[0, 1]]])).item(), 4)
        0.9481
    """

    def __init__(
        self,
        num_old: int = 0,
        sigma: float = 5.0,
        avg_non_ignore: bool = False,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_dpce',
    ) -> None:
        super().__init__(num_old, avg_non_ignore, loss_weight, loss_name)
        if not sigma > 0:
            raise ValueError(f'sigma must be above 0 pixels, not {sigma}')
        self.sigma = sigma

    def compute(self, logits: Tensor, target: Tensor, **options: object) -> Tensor:
        """Compute the unweighted loss."""
        return distance_penalized_cross_entropy(logits, target, sigma=self.sigma, **options)
