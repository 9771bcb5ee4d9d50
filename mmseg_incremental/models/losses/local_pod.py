"""Local pooled outputs distillation (Local POD) of PLOP."""

import math
from collections.abc import Mapping, Sequence

import torch
from mmseg.registry import MODELS
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

    Args:
        logits: Logits of the student (N, C or more, H, W); extra channels are left out.
        channels: Channels of the step.

    Returns:
        Logits of the K old channels (N, K, H, W).
    """
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


def local_pod_embedding(
    features: Tensor, scales: Sequence[int] = (1, 2, 4), windows: str = 'axes'
) -> Tensor:
    """Means over the columns and over the rows of windows at several scales.

    At scale s the map is cut into s x s windows of floor(H / s) x floor(W / s) positions; what
    remains at the lower and the right edge is dropped. A scale finer than the map is left out.

    Source: Douillard et al., PLOP, CVPR 2021, Eq. 2 to 6.

    Args:
        features: Maps (N, D, H, W).
        scales: Windows along a side.
        windows: The size of windows. ``'axes'`` is the one above. ``'width'`` is that of the
            authors' code, floor(W / s) along both axes, which is the same for square maps; of a
            higher map it drops the lower part, of a wider map the lower windows are cut off.

    Returns:
        Embedding (N, L), windows row by row, of each the means over its columns (D x rows) and
        then those over its rows (D x columns); float32 or float64.

    Raises:
        ValueError: If a window of ``'width'`` holds no position, no scale fits the map, or
            ``windows`` is unknown.

    Example:
        >>> local_pod_embedding(torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]]]), scales=(1,)).tolist()
        [[2.0, 6.0, 3.0, 5.0]]
    """
    if windows not in ('axes', 'width'):
        raise ValueError(f"windows must be 'axes' or 'width', not {windows!r}")
    height, width = features.shape[-2:]
    parts = []
    for scale in scales:
        columns = width // scale
        rows = height // scale if windows == 'axes' else columns
        if not (rows and columns):
            continue
        for top in range(0, scale * rows, rows):
            if top >= height:
                raise ValueError(
                    f'a map of {height} x {width} has no {scale} rows of windows of its width; '
                    "set windows='axes'"
                )
            band = features[:, :, top : top + rows, : scale * columns]
            band = at_least_float32(band).unflatten(3, (scale, columns))
            over_columns = band.mean(4).permute(0, 3, 1, 2).flatten(2)
            over_rows = band.mean(2).permute(0, 2, 1, 3).flatten(2)
            parts.append(torch.cat([over_columns, over_rows], 2).flatten(1))
    if not parts:
        raise ValueError(f'none of the scales {tuple(scales)} fits a map of {height} x {width}')
    return torch.cat(parts, 1)


def local_pod(
    student: Sequence[Tensor],
    old: Sequence[Tensor],
    factors: Sequence[float],
    scales: Sequence[int] = (1, 2, 4),
    windows: str = 'axes',
) -> Tensor:
    r"""Compute the distance of the pooled squares of new and old maps.

    :math:`\frac{1}{L} \sum_l \lambda_l \, \mathrm{mean}_n \| \Phi(f_l^{old} \odot f_l^{old}) -
    \Phi(f_l \odot f_l) \|_2`, with :math:`\Phi` of :func:`local_pod_embedding`.

    Source: PLOP, CVPR 2021, Eq. 7. The squares, and the norm that is not squared, are its code's.

    Args:
        student: L maps of the student, each (N, D, H, W).
        old: The old model's maps, of the same shapes. They get no gradient.
        factors: Factor of every map.
        scales: As in :func:`local_pod_embedding`.
        windows: As in :func:`local_pod_embedding`.

    Returns:
        Scalar, float32 or float64.

    Raises:
        ValueError: If the shapes differ.
    """
    total = 0.0
    for new_map, old_map, factor in zip(student, old, factors, strict=True):
        if new_map.shape != old_map.shape:
            raise ValueError(
                'student and old maps must have one shape, but have shapes '
                f'{tuple(new_map.shape)} and {tuple(old_map.shape)}'
            )
        new, kept = (
            local_pod_embedding(at_least_float32(features).square(), scales, windows)
            for features in (new_map, old_map.detach())
        )
        total = total + factor * torch.linalg.vector_norm(kept - new, dim=1).mean()
    return total / len(student)


@MODELS.register_module()
class LocalPOD(DistillationLoss):
    """Local POD as a registered loss, see :func:`local_pod`.

    New channels of the logits are folded into the background (:func:`fold_new_channels`), and the
    whole is multiplied by :func:`adaptive_factor`.

    Args:
        taps: Outputs that are compared. The authors take the maps of the four residual stages
            before their last activation; with a ResNet they are ``'backbone.layer1.-1.relu:input'``
            to ``layer4`` in place of ``'stages'``.
        factor: Factor of every map but the logits; the authors have 0.001 for ADE20K.
        logits_factor: Factor of the logits; 0.00001 for ADE20K.
        scales: Windows along a side.
        windows: ``'axes'`` or ``'width'``, see :func:`local_pod_embedding`.
        loss_weight: Factor of the loss.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.
    """

    def __init__(
        self,
        taps: Sequence[str] = ('stages', 'head', 'logits'),
        factor: float = 0.01,
        logits_factor: float = 0.0005,
        scales: Sequence[int] = (1, 2, 4),
        windows: str = 'axes',
        loss_weight: float = 1.0,
        loss_name: str = 'loss_pod',
    ) -> None:
        super().__init__(taps, loss_weight, loss_name)
        self.factor = factor
        self.logits_factor = logits_factor
        self.scales = tuple(scales)
        self.windows = windows

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
        """
        pairs = {tap: comparable_maps(tap, student, old, channels) for tap in self.taps}
        factors = [
            self.logits_factor if tap == 'logits' else self.factor
            for tap, maps in pairs.items()
            for _ in maps
        ]
        new_maps, old_maps = zip(*(pair for maps in pairs.values() for pair in maps), strict=True)
        loss = local_pod(new_maps, old_maps, factors, self.scales, self.windows)
        return self.loss_weight * adaptive_factor(channels) * loss
