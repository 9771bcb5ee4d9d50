"""Bilinear resizing as two matrix products, so that any part of the result can be made alone."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor


class Axis(NamedTuple):
    """Resizing along one axis.

    Args:
        matrix: Weights (S, s): S positions of the result, s positions of the source. A row has
            at most two entries that are not 0.
        first: For each row the first source position with a weight, as a tuple.
        last: For each row the last one.
    """

    matrix: Tensor
    first: tuple[int, ...]
    last: tuple[int, ...]

    def rows(self, start: int, stop: int) -> tuple[Tensor, slice]:
        """Weights of some rows and the source positions that they read.

        Args:
            start: First row.
            stop: Row after the last.

        Returns:
            Weights (stop - start, n) and the slice of the n source positions.
        """
        read = slice(self.first[start], self.last[stop - 1] + 1)
        return self.matrix[start:stop, read], read


@lru_cache(maxsize=64)
def bilinear_axis(
    source: int, size: int, align_corners: bool, dtype: torch.dtype, device: torch.device
) -> Axis:
    """Weights of bilinear resizing along one axis, as in ``torch.nn.functional.interpolate``.

    Args:
        source: Number of source positions.
        size: Number of positions of the result.
        align_corners: Whether the outer positions of both lie on one another.
        dtype: Floating point.
        device: Device of the weights.

    Returns:
        The weights.

    Example:
        >>> bilinear_axis(2, 4, False, torch.float32, torch.device('cpu')).matrix.tolist()
        [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    index = torch.arange(size, dtype=torch.float64)
    if align_corners:
        place = index * ((source - 1) / (size - 1) if size > 1 else 0)
    else:
        place = ((index + 0.5) * source / size - 0.5).clamp(min=0)
    first = place.floor().long().clamp(max=source - 1)
    last = (first + 1).clamp(max=source - 1)
    share = place - first
    matrix = torch.zeros(size, source, dtype=torch.float64)
    matrix[torch.arange(size), first] += 1 - share
    matrix[torch.arange(size), last] += share
    return Axis(matrix.to(device, dtype), tuple(first.tolist()), tuple(last.tolist()))
