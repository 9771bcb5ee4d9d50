"""Pooled cube distillation of RCIL: maps compared after pooling over space or over channels."""

from collections.abc import Mapping, Sequence

import torch
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from .map_distillation import MapDistillation, check_one_shape
from .utils import at_least_float32


def spatial_pooled_cube(
    features: Tensor, old_features: Tensor, sizes: Sequence[int] = (4, 8, 12, 16, 20, 24)
) -> Tensor:
    r"""Compare squares of maps after average pooling over windows of several sizes.

    The mean over sizes k of :math:`\mathrm{mean}_n \| A_k(f^{old} \odot f^{old}) - A_k(f \odot f)
    \|_2`; :math:`A_k` has stride 1 and a padding of k / 2 zeros, which count.

    Source: Zhang et al., *Representation Compensation Networks for Continual Semantic
    Segmentation*, CVPR 2022, section 3.3, and its code.

    Args:
        features: Maps of the student (N, D, H, W).
        old_features: Maps of the old model. They get no gradient.
        sizes: Sides k of the windows.

    Returns:
        Scalar, float32 or float64.

    Raises:
        ValueError: If the shapes differ.
    """
    difference = _difference_of_squares(features, old_features)
    distances = [
        torch.linalg.vector_norm(F.avg_pool2d(difference, k, 1, k // 2), dim=(1, 2, 3)).mean()
        for k in sizes
    ]
    return torch.stack(distances).mean()


def channel_pooled_cube(features: Tensor, old_features: Tensor) -> Tensor:
    r"""Compare squares of maps after a moving mean over three neighbouring channels.

    :math:`\mathrm{mean}_n \| M(f^{old} \odot f^{old}) - M(f \odot f) \|_2`; the channels beyond
    the first and the last are zeros, which count.

    Source: as :func:`spatial_pooled_cube`.

    Args:
        features: Maps of the student (N, D, H, W).
        old_features: Maps of the old model. They get no gradient.

    Returns:
        Scalar, float32 or float64.

    Raises:
        ValueError: If the shapes differ.
    """
    difference = _difference_of_squares(features, old_features).flatten(2)
    pooled = F.avg_pool2d(difference, (3, 1), 1, (1, 0))
    return torch.linalg.vector_norm(pooled, dim=(1, 2)).mean()


def _difference_of_squares(features: Tensor, old_features: Tensor) -> Tensor:
    """As pooling is linear, only the difference needs to be pooled."""
    check_one_shape(features, old_features)
    new, old = at_least_float32(features), at_least_float32(old_features.detach())
    return old.square() - new.square()


class _PooledCube(MapDistillation):
    """What both registered losses share: a factor of its own for the last map."""

    def __init__(
        self,
        taps: Sequence[str],
        factor: float,
        last_factor: float,
        loss_weight: float,
        loss_name: str,
    ) -> None:
        super().__init__(taps, loss_weight, loss_name)
        self.factor = factor
        self.last_factor = last_factor

    def factors(self, num_maps: Mapping[str, int]) -> list[float]:
        """One factor for the last map, another for those before."""
        return [self.factor] * (sum(num_maps.values()) - 1) + [self.last_factor]


@MODELS.register_module()
class SpatialPooledCube(_PooledCube):
    """Distillation of maps pooled over space, see :func:`spatial_pooled_cube`.

    The mean over maps is multiplied by :func:`~.map_distillation.adaptive_factor`; new channels of
    the logits are folded into the background.

    Args:
        taps: Outputs that are compared; the authors' are the four residual stages after their
            activation, the head and the logits. In a model whose ``stages`` are taken before it,
            ``'stage_outputs'`` are those.
        factor: Factor of every map but the last; the authors have 5e-6 for ADE20K.
        last_factor: Factor of the last map; 5e-7 for ADE20K.
        loss_weight: Factor of the loss.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.
    """

    def __init__(
        self,
        taps: Sequence[str] = ('stages', 'head', 'logits'),
        factor: float = 0.01,
        last_factor: float = 0.0005,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_spatial',
    ) -> None:
        super().__init__(taps, factor, last_factor, loss_weight, loss_name)

    def distance(self, new: Tensor, old: Tensor) -> Tensor:
        """See :func:`spatial_pooled_cube`."""
        return spatial_pooled_cube(new, old)


@MODELS.register_module()
class ChannelPooledCube(_PooledCube):
    """Distillation of maps pooled over channels, see :func:`channel_pooled_cube`.

    The mean over maps is multiplied by :func:`~.map_distillation.adaptive_factor`.

    Args:
        taps: Outputs that are compared; the authors leave the logits out.
        factor: As in :class:`SpatialPooledCube`.
        last_factor: As in :class:`SpatialPooledCube`.
        loss_weight: Factor of the loss.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.
    """

    def __init__(
        self,
        taps: Sequence[str] = ('stages', 'head'),
        factor: float = 0.01,
        last_factor: float = 0.0005,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_channel',
    ) -> None:
        super().__init__(taps, factor, last_factor, loss_weight, loss_name)

    def distance(self, new: Tensor, old: Tensor) -> Tensor:
        """See :func:`channel_pooled_cube`."""
        return channel_pooled_cube(new, old)
