"""Labels and class sets, one Python call per pixel or mask."""

from collections.abc import Sequence

import numpy as np
from PIL import Image


def map_labels(labels: np.ndarray, channels: dict[int, int]) -> np.ndarray:
    """Map every pixel by a Python function.

    Args:
        labels: uint8 of shape (H, W).
        channels: Label to channel; others are background, void stays void.

    Returns:
        uint8 of shape (H, W).
    """

    def channel(label: int) -> int:
        return 255 if label == 255 else channels.get(label, 0)

    return np.array([[channel(v) for v in row] for row in labels.tolist()], dtype=np.uint8)


def class_sets(masks: Sequence[str]) -> list[frozenset[int]]:
    """Read every mask with Pillow and find its labels with NumPy."""
    found = []
    for path in masks:
        with Image.open(path) as mask:
            labels = np.unique(np.asarray(mask)).tolist()
        found.append(frozenset(v for v in labels if 0 < v < 255))
    return found
