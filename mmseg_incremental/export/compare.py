"""Whether an exported file labels as the network does."""

from collections.abc import Sequence

import cv2
import numpy as np
from mmseg.apis import inference_model
from torch import nn

from .formats import Labels

#: Height and width of the made-up pictures: those of photographs, odd ones too.
SIZES = ((375, 500), (500, 333), (512, 512), (241, 317))


def made_up_pictures(sizes: Sequence[tuple[int, int]] = SIZES) -> list[np.ndarray]:
    """Blurred random colours, the same ones every time.

    Args:
        sizes: Height and width of each.

    Returns:
        uint8 of shape (H, W, 3), blue, green, red.
    """
    numbers = np.random.default_rng(0)
    pictures = []
    for height, width in sizes:
        blobs = numbers.integers(0, 256, (height // 16 + 2, width // 16 + 2, 3), dtype=np.uint8)
        pictures.append(cv2.resize(blobs, (width, height), interpolation=cv2.INTER_CUBIC))
    return pictures


def differing_share(model: nn.Module, labels: Labels, pictures: Sequence[np.ndarray]) -> float:
    """Share of the pixels that an exported file labels otherwise than stock mmseg.

    Args:
        model: The network, with its config as ``cfg``.
        labels: What runs the file.
        pictures: uint8 of shape (H, W, 3), blue, green, red.

    Returns:
        0 to 1, over all pixels of all pictures.
    """
    different = total = 0
    for picture in pictures:
        expected = inference_model(model, picture).pred_sem_seg.data[0].numpy()
        found = labels(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))[0]
        different += int(np.count_nonzero(found != expected))
        total += expected.size
    return different / total
