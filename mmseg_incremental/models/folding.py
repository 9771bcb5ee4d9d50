"""A model for inference only: batch normalisation folded into the convolutions."""

import copy

import torch
from mmcv.cnn.utils import fuse_conv_bn
from mmengine.logging import print_log
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor

#: Largest difference of the logits, as a share of the largest logit.
_TOLERANCE = 1e-4


def fold_batch_norm(model: EncoderDecoder) -> EncoderDecoder:
    r"""Fold every batch normalisation that follows a convolution into it.

    The outputs stay the same up to rounding: with mean :math:`\mu`, standard deviation
    :math:`\sigma`, scale :math:`\gamma` and shift :math:`\beta` of the normalisation,
    :math:`w' = w \gamma / \sigma` and :math:`b' = (b - \mu) \gamma / \sigma + \beta`. Modules
    keep their names, so that outputs can still be recorded.

    Which normalisation follows which convolution is judged by the order of a module's children.
    As a backbone may order them otherwise, the folded model is tried on random pixels, and the
    model is returned as it was if the logits differ.

    Args:
        model: Model in evaluation mode; it is not changed.

    Returns:
        A folded copy, channels-last, for inference only.

    Raises:
        ValueError: If the model is in training mode, where the normalisation follows the batch.
    """
    if model.training:
        raise ValueError('only a model in evaluation mode can be folded; call model.eval() first')
    folded = fuse_conv_bn(copy.deepcopy(model)).eval().requires_grad_(False)
    folded.to(memory_format=torch.channels_last)
    # exactly, since convolutions of a GPU may round to ten bits
    expected, found = (_logits(copy.deepcopy(m).double()) for m in (model, folded))
    if (expected - found).abs().max() <= _TOLERANCE * expected.abs().max().clamp(min=1):
        return folded
    print_log(
        'batch normalisation is not folded, since the logits of the model would change',
        logger='current',
        level=30,
    )
    return model


@torch.no_grad()
def _logits(model: EncoderDecoder) -> Tensor:
    weight = next(model.parameters())
    pixels = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    with torch.autocast(weight.device.type, enabled=False):
        return model.decode_head(model.extract_feat(pixels.to(weight)))
