"""Label maps as colours."""

import numpy as np

from ..tasks.task import VOID
from ..utils.palette import color_palette

_VOID_COLOR = (224, 224, 192)


def colorize(labels: np.ndarray) -> np.ndarray:
    """Colour a map of a data set's labels.

    Args:
        labels: Shape (H, W), 0 to 255; 255 is void.

    Returns:
        ``uint8`` array of shape (H, W, 3).
    """
    colors = np.array(color_palette(256), dtype=np.uint8)
    colors[VOID] = _VOID_COLOR
    return colors[labels]
