"""Pieces of a batch: some rows of some pictures."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

#: Logits in a piece: enough that its fixed cost is small, few enough that a piece stays in the last
#: cache of a CPU, or is small beside the activations of a network on a GPU (not measured there).
PIECE_LOGITS = {'cpu': 2**19, 'cuda': 2**25}


class Piece(NamedTuple):
    """Some rows of some pictures.

    Args:
        pictures: Slice of the pictures.
        start: First row.
        stop: Row after the last.
    """

    pictures: slice
    start: int
    stop: int

    def of(self, values: Tensor) -> Tensor:
        """Part of a map (N, H, W) of the batch that lies in the piece (rows, pictures, W)."""
        return values[self.pictures, self.start : self.stop].transpose(0, 1)


def cut(shape: tuple[int, int, int, int], device: str) -> Iterator[list[Piece]]:
    """Cut a batch into pieces of about ``PIECE_LOGITS`` logits.

    Args:
        shape: Pictures, channels, rows and columns of the full-resolution logits.
        device: Type of the device, ``'cpu'`` or ``'cuda'``.

    Yields:
        For some pictures at a time, all their pieces.
    """
    num_pictures, channels, height, width = shape
    rows = max(1, PIECE_LOGITS.get(device, PIECE_LOGITS['cuda']) // (channels * width))
    together = max(1, rows // height)
    if device == 'cpu':  # work for every core
        together = min(together, math.ceil(num_pictures / torch.get_num_threads()))
    rows = math.ceil(height / math.ceil(height / rows))  # pieces of nearly one size
    for first in range(0, num_pictures, together):
        pictures = slice(first, min(first + together, num_pictures))
        yield [
            Piece(pictures, start, min(start + rows, height)) for start in range(0, height, rows)
        ]
