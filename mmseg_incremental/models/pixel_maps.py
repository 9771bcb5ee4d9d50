"""Maps per pixel, from the data samples to the losses that take them."""

import torch
from mmseg.utils import SampleList
from torch import Tensor
from torch.nn import functional as F


def stack_pixel_map(name: str, samples: SampleList) -> Tensor | None:
    """Stack the maps of a batch.

    mmseg's preprocessor pads pictures and labels at the right and at the bottom, but no map that
    it does not know; where the labels were padded with void the map is 0.

    Args:
        name: Name of the map; sample attribute ``gt_NAME`` holds it, (1, h, w).
        samples: N samples with ``gt_sem_seg`` of shape (1, H, W), h <= H and w <= W.

    Returns:
        Maps (N, H, W), or None if a sample has no such map.
    """
    if not all(f'gt_{name}' in sample for sample in samples):
        return None
    padded = []
    for sample in samples:
        values = sample.get(f'gt_{name}').data[0]
        (height, width), (h, w) = sample.gt_sem_seg.shape, values.shape
        padded.append(F.pad(values, (0, width - w, 0, height - h)))
    return torch.stack(padded)
