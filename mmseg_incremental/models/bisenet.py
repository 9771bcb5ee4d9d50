"""Numbers of channels of BiSeNet that follow from its context path."""

import pickle
from collections.abc import Iterator
from functools import lru_cache

import torch
from mmengine.config import ConfigDict

from ..errors import InputError
from .without_values import build_without_values

#: Channels of the spatial path's first layers, as BiSeNetV1 has them.
_SPATIAL = (64, 64, 64)


def complete_bisenet(model_cfg: ConfigDict) -> None:
    """Fill in the channels of a BiSeNet that follow from the backbone of its context path.

    The context path returns maps of c4, c8, c16 and c32 channels at strides 4 to 32. mmseg wants
    ``context_channels = (c8, c16, c32)``; its fusion module takes c16 channels, of which c8 come
    from the context path, and so c16 - c8 from the spatial path. Heads on one of the context
    path's two outputs have c8 input channels.

    Args:
        model_cfg: Config of a segmentor; what it leaves out is filled in if its backbone is
            ``BiSeNetV1``, and nothing is done otherwise.

    Raises:
        InputError: If it contradicts the backbone, or if that does not fit BiSeNet.
    """
    backbone = model_cfg.backbone
    if backbone.type not in ('BiSeNetV1', 'mmseg.BiSeNetV1'):
        return
    context = _context_channels(backbone)
    _complete(backbone, 'context_channels', context, 'model.backbone')
    first = tuple(backbone.get('spatial_channels') or _SPATIAL)[:3]
    spatial = (*first, context[1] - context[0])
    _complete(backbone, 'spatial_channels', spatial, 'model.backbone')
    if model_cfg.get('neck') is None:
        outputs = (backbone.get('out_channels', 256), context[0], context[0])
        outputs = [outputs[index] for index in backbone.get('out_indices', (0, 1, 2))]
        for where, head in _heads(model_cfg):
            index = head.get('in_index', -1)
            right = outputs[index] if isinstance(index, int) else tuple(outputs[i] for i in index)
            _complete(head, 'in_channels', right, where)


def _heads(model_cfg: ConfigDict) -> Iterator[tuple[str, ConfigDict]]:
    yield 'model.decode_head', model_cfg.decode_head
    auxiliary = model_cfg.get('auxiliary_head') or []
    if isinstance(auxiliary, dict):
        yield 'model.auxiliary_head', auxiliary
    else:
        for index, head in enumerate(auxiliary):
            yield f'model.auxiliary_head[{index}]', head


def _complete(cfg: ConfigDict, key: str, right: int | tuple[int, ...], where: str) -> None:
    given = cfg.get(key)
    if given is None:
        cfg[key] = right
    elif (given if isinstance(given, int) else tuple(given)) != right:
        raise InputError(
            f'{where}.{key} is {given}, but with this context path it is {right}; correct it or '
            'leave it out'
        )


def _context_channels(backbone: ConfigDict) -> tuple[int, ...]:
    """Channels of the context path's backbone at strides 8, 16 and 32."""
    cfg = backbone.backbone_cfg.to_dict()
    channels = _probe(pickle.dumps((cfg, backbone.get('in_channels', 3))))
    if len(channels) != 4 or channels[2] <= channels[1]:
        raise InputError(
            f'model.backbone.backbone_cfg returns maps of {channels} channels, but BiSeNet needs '
            'four, at strides 4, 8, 16 and 32, with more channels at stride 16 than at stride 8; '
            'set its out_indices, or choose another backbone'
        )
    return channels[1:]


@lru_cache
def _probe(cfg: bytes) -> tuple[int, ...]:
    """Channels of every map that a backbone returns; its config and its inputs are pickled."""
    backbone_cfg, in_channels = pickle.loads(cfg)
    try:
        backbone = build_without_values(ConfigDict(backbone_cfg))
        with torch.no_grad():
            outputs = backbone(torch.empty(2, in_channels, 64, 64, device='meta'))
    except Exception as error:  # every backbone fails in its own way
        reason = f'{type(error).__name__}: {error}'.splitlines()[0]
        raise InputError(
            f'model.backbone.backbone_cfg cannot be used for BiSeNet ({reason})'
        ) from error
    return tuple(output.shape[1] for output in outputs)
