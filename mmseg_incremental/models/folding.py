"""A model for inference only: batch normalisation folded into the convolutions."""

import copy

import torch
from mmcv.cnn.utils import fuse_conv_bn
from mmengine.logging import print_log
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

#: Largest difference of the logits, as a share of the largest logit.
_TOLERANCE = 1e-4

#: Width and height of the pictures that the folded model is tried on.
_SIZE = 128


def fold_batch_norm(model: EncoderDecoder) -> EncoderDecoder:
    r"""Fold every batch normalisation that follows a convolution into it.

    The outputs stay the same up to rounding: with mean :math:`\mu`, standard deviation
    :math:`\sigma`, scale :math:`\gamma` and shift :math:`\beta` of the normalisation,
    :math:`w' = w \gamma / \sigma` and :math:`b' = (b - \mu) \gamma / \sigma + \beta`. Modules
    keep their names, so that outputs can still be recorded.

    Which normalisation follows which convolution is judged by the order of a module's children.
    As a backbone may order them otherwise, the folded model is tried on random pixels, and the
    model is returned as it was if the logits differ. An activation that is part of the
    normalisation, as in timm, stays in its place.

    Args:
        model: Model in evaluation mode; it is not changed.

    Returns:
        A folded copy, channels-last, for inference only.

    Raises:
        ValueError: If the model is in training mode, where the normalisation follows the batch.
    """
    if model.training:
        raise ValueError('only a model in evaluation mode can be folded; call model.eval() first')
    folded = _fold(copy.deepcopy(model))
    # exactly, since convolutions of a GPU may round to ten bits
    try:
        expected, found = (_logits(copy.deepcopy(m).double()) for m in (model, folded))
    except RuntimeError as error:
        reason = f'the model cannot be tried on {_SIZE}x{_SIZE} pixels in float64: {error}'
    else:
        if (expected - found).abs().max() <= _TOLERANCE * expected.abs().max().clamp(min=1):
            return folded
        reason = 'the logits of the model would change'
    print_log(f'batch normalisation is not folded, since {reason}', logger='current', level=30)
    return model


def _fold(model: EncoderDecoder) -> EncoderDecoder:
    activations = {
        name: nn.Sequential(norm.drop, norm.act)
        for name, norm in model.named_modules()
        if isinstance(norm, _BatchNorm) and hasattr(norm, 'act')
    }
    fuse_conv_bn(model)
    for name, activation in activations.items():
        if isinstance(model.get_submodule(name), nn.Identity):
            model.set_submodule(name, activation)
    return model.eval().requires_grad_(False).to(memory_format=torch.channels_last)


@torch.no_grad()
def _logits(model: EncoderDecoder) -> Tensor:
    weight = next(model.parameters())
    devices = [weight.device] if weight.is_cuda else []
    # some heads draw random numbers in evaluation mode too
    with torch.random.fork_rng(devices), torch.autocast(weight.device.type, enabled=False):
        torch.manual_seed(0)
        pixels = torch.randn(1, 3, _SIZE, _SIZE)
        return model.decode_head(model.extract_feat(pixels.to(weight)))
