"""Local pooled outputs distillation (Local POD) of PLOP."""

from collections.abc import Mapping, Sequence

import torch
from mmseg.registry import MODELS
from torch import Tensor

from .map_distillation import MapDistillation, check_one_shape
from .utils import at_least_float32


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
    features: Tensor,
    old_features: Tensor,
    scales: Sequence[int] = (1, 2, 4),
    windows: str = 'axes',
) -> Tensor:
    r"""Compute the distance of the pooled squares of a new and an old map.

    :math:`\mathrm{mean}_n \| \Phi(f^{old} \odot f^{old}) - \Phi(f \odot f) \|_2`, with
    :math:`\Phi` of :func:`local_pod_embedding`.

    Source: PLOP, CVPR 2021, Eq. 7. The squares, and the norm that is not squared, are its code's.

    Args:
        features: Map of the student (N, D, H, W).
        old_features: The old model's. It gets no gradient.
        scales: As in :func:`local_pod_embedding`.
        windows: As in :func:`local_pod_embedding`.

    Returns:
        Scalar, float32 or float64.

    Raises:
        ValueError: If the shapes differ.
    """
    check_one_shape(features, old_features)
    new, kept = (
        local_pod_embedding(at_least_float32(values).square(), scales, windows)
        for values in (features, old_features.detach())
    )
    return torch.linalg.vector_norm(kept - new, dim=1).mean()


@MODELS.register_module()
class LocalPOD(MapDistillation):
    """Local POD as a registered loss, see :func:`local_pod`.

    The mean over maps is multiplied by :func:`~.map_distillation.adaptive_factor`; new channels of
    the logits are folded into the background.

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

    def distance(self, new: Tensor, old: Tensor) -> Tensor:
        """See :func:`local_pod`."""
        return local_pod(new, old, self.scales, self.windows)

    def factors(self, num_maps: Mapping[str, int]) -> list[float]:
        """One factor for the logits, another for every other map."""
        by_tap = {tap: self.logits_factor if tap == 'logits' else self.factor for tap in num_maps}
        return [by_tap[tap] for tap, count in num_maps.items() for _ in range(count)]
