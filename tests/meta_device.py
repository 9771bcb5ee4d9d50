"""A rehearsal of CUDA without a GPU: tensors of the meta device have a device but no values.

What reads a value from the device, which makes a GPU wait, or mixes tensors of two devices raises.
"""

from unittest import mock

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from torch import Tensor


def to_meta(model: EncoderDecoder) -> EncoderDecoder:
    """Move a model that was built on the CPU, and the old model that is no part of it.

    Some backbones read values while they are built, so they cannot be built on the meta device.
    """
    model.to('meta')
    if getattr(model, 'old_model', None) is not None:
        model.old_model.to('meta')
    return model


def meta_batch(num: int = 2, size: int = 64) -> tuple[Tensor, list[SegDataSample]]:
    """Pictures (N, 3, H, W) and samples with labels (1, H, W)."""
    labels = torch.empty(num, 1, size, size, dtype=torch.int64, device='meta')
    pictures = torch.empty(num, 3, size, size, device='meta')
    return pictures, [SegDataSample(gt_sem_seg=PixelData(data=label)) for label in labels]


def rehearse(model: EncoderDecoder, pictures: Tensor, samples: list) -> dict[str, Tensor]:
    """Run one training iteration of a model, all on the meta device.

    Raises:
        Exception: If a value is read, or if two devices meet.
    """
    model.train()
    # mmseg's accuracy takes the pixels that count by a mask, so their number is a value
    with mock.patch('torch.fx.experimental._config.meta_nonzero_assume_all_nonzero', True):
        losses = model.loss(pictures, samples)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    return losses
