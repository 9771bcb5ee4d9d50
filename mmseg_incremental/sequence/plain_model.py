"""A plain mmseg model, read so that it can be step 0 of a sequence."""

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmengine.config import Config, ConfigDict
from torch import Tensor

from ..errors import InputError
from ..models.growth import refusal
from ..models.without_values import build_without_values
from ..tasks.task import BACKGROUND
from .safe_loading import load_checkpoint

#: What only the training that made the model needs; the rest of a head is kept.
_OF_TRAINING = ('num_classes', 'sampler', 'loss_decode', 'init_cfg')


@dataclass(frozen=True)
class PlainModel:
    """A trained mmseg model.

    Args:
        model: Config of the segmentor, its heads without a number of classes.
        test_pipeline: How pictures are loaded for it.
        crop_size: Height and width of its training crops in pixels, or None if it does not say.
        names: Names of its classes in the order of its channels, background left out.
        background: Whether channel 0 is the background.
        zero_is_unlabelled: Whether its own data mark with 0 what is unlabelled
            (``reduce_zero_label``).
        state: Its weights.
    """

    model: ConfigDict
    test_pipeline: list[ConfigDict]
    crop_size: tuple[int, int] | None
    names: tuple[str, ...]
    background: bool
    zero_is_unlabelled: bool
    state: Mapping[str, Tensor]


def read_plain_model(
    config: str | os.PathLike, checkpoint: str | os.PathLike, classes: Sequence[str] | None = None
) -> PlainModel:
    """Read a model; nothing that its checkpoint holds is executed.

    Args:
        config: Any config of mmseg.
        checkpoint: Its checkpoint, as MMEngine's training writes it or with the weights alone.
        classes: Names of its channels, the background too if there is one. Defaults to those in
            the checkpoint.

    Returns:
        The model.

    Raises:
        CheckpointError: If the checkpoint is missing, damaged or holds objects.
        InputError: If the config cannot be used, a head cannot grow, the names are unknown or
            fewer or more than the channels, or the weights are of another network.
    """
    cfg = _read_config(config)
    content = load_checkpoint(checkpoint, training_state=True)
    state = content.get('state_dict', content)
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise InputError(f'{checkpoint}: it holds no weights by name')
    state = {name.removeprefix('module.'): value for name, value in state.items()}
    names = [str(name) for name in classes or _class_names(content, checkpoint)]
    model = _clean(cfg, config)
    _check_network(model, state, names, config, checkpoint)
    stated = cfg.model.decode_head.get('num_classes')
    if stated not in (None, len(names)):
        raise InputError(
            f'{checkpoint}: it has {len(names)} classes, and {config} is of a model with {stated}; '
            'give the config and the checkpoint of one model'
        )
    background = names[0].lower() == BACKGROUND
    pipeline = _test_pipeline(cfg, config)
    reduced = any(part.pop('reduce_zero_label', None) for part in pipeline)
    return PlainModel(
        model, pipeline, _crop_size(cfg), tuple(names[background:]), background, reduced, state
    )


def _read_config(path: str | os.PathLike) -> Config:
    if not os.path.isfile(path):
        raise InputError(f'{path}: config not found')
    if str(path).endswith('.pth'):
        raise InputError(f'{path}: is a checkpoint; the config comes first, then the checkpoint')
    try:
        return Config.fromfile(path)
    except Exception as error:  # a config is a program of its own
        reason = f'{type(error).__name__}: {error}'.splitlines()[0]
        raise InputError(f'{path}: config cannot be read ({reason})') from error


def _class_names(content: Mapping, path: str | os.PathLike) -> Sequence[str]:
    """Names as MMEngine stores them, or as mmcv did before it."""
    meta = content.get('meta')
    meta = meta if isinstance(meta, Mapping) else {}
    known = meta.get('dataset_meta')
    names = (known if isinstance(known, Mapping) else {}).get('classes') or meta.get('CLASSES')
    if not names:
        raise InputError(
            f'{path}: it does not name its classes; name them in the order of its channels with '
            '--classes (base.classes in a config), the background too if there is one'
        )
    return names


def _clean(cfg: Config, path: str | os.PathLike) -> ConfigDict:
    """The segmentor's config without what belongs to the training that made it."""
    model = copy.deepcopy(cfg.get('model') or ConfigDict())
    if model.get('type') not in ('EncoderDecoder', 'mmseg.EncoderDecoder'):
        raise InputError(
            f'{path}: its model is of type {model.get("type")!r}; only an EncoderDecoder can learn '
            'more classes'
        )
    model.setdefault('data_preprocessor', copy.deepcopy(cfg.get('data_preprocessor')))
    if not model.data_preprocessor:
        raise InputError(f'{path}: it has no data_preprocessor, which says how to normalise')
    for key in ('init_cfg', 'pretrained'):
        model.pop(key, None)
    _no_init(model.backbone)
    _one_process(model)
    heads = model.get('auxiliary_head') or []
    for head in [model.decode_head, *(heads if isinstance(heads, list) else [heads])]:
        if head.get('out_channels') == head.get('num_classes'):
            head.pop('out_channels', None)
        for key in _OF_TRAINING:
            head.pop(key, None)
        if reason := refusal(head):
            raise InputError(f'{path}: {reason}')
    return model


def _no_init(backbone: ConfigDict) -> None:
    """Weights come from the checkpoint; those of a pretraining would be looked for in vain."""
    for part in (backbone, backbone.get('backbone_cfg') or {}):
        part.pop('pretrained', None)
        part.pop('init_cfg', None)


def _one_process(config: object) -> None:
    """Batch normalisation that can train in one process; ``sync_bn`` turns it back in several."""
    if isinstance(config, dict):
        if config.get('type') == 'SyncBN':
            config['type'] = 'BN'
        for value in config.values():
            _one_process(value)
    elif isinstance(config, list | tuple):
        for value in config:
            _one_process(value)


def _check_network(
    model: ConfigDict,
    state: Mapping[str, Tensor],
    names: Sequence[str],
    config: str | os.PathLike,
    checkpoint: str | os.PathLike,
) -> None:
    bias = state.get('decode_head.conv_seg.bias')
    if bias is not None and len(bias) != len(names):
        raise InputError(
            f'{checkpoint}: it has {len(bias)} channels, but {len(names)} classes are named: '
            f'{", ".join(names[:5])}{" ..." if len(names) > 5 else ""}'
        )
    whole = copy.deepcopy(model)
    heads = whole.get('auxiliary_head') or []
    for head in [whole.decode_head, *(heads if isinstance(heads, list) else [heads])]:
        head.num_classes = len(names)
    own = {
        name: tuple(value.shape) for name, value in build_without_values(whole).state_dict().items()
    }
    there = {name: tuple(value.shape) for name, value in state.items()}
    for name in [*own, *there]:
        if own.get(name) != there.get(name):
            raise InputError(
                f'{checkpoint}: its weights are of another network than {config}: {name} is '
                f'{there.get(name, "absent")} there and {own.get(name, "absent")} in the config'
            )


def _test_pipeline(cfg: Config, path: str | os.PathLike) -> list[ConfigDict]:
    loader = cfg.get('test_dataloader') or ConfigDict()
    pipeline = cfg.get('test_pipeline') or loader.get('dataset', {}).get('pipeline')
    if not pipeline:
        raise InputError(f'{path}: it has no test_pipeline, which says how to load pictures')
    pipeline = copy.deepcopy(pipeline)
    if not any(part.type == 'LoadAnnotations' for part in pipeline):
        # behind what changes the picture's size: a prediction is compared at the mask's own
        place = next(
            (i for i, p in enumerate(pipeline) if p.type == 'PackSegInputs'), len(pipeline)
        )
        pipeline.insert(place, ConfigDict(type='LoadAnnotations'))
    return pipeline


def _crop_size(cfg: Config) -> tuple[int, int] | None:
    size = cfg.get('crop_size') or cfg.model.get('data_preprocessor', {}).get('size')
    return tuple(size) if size else None
