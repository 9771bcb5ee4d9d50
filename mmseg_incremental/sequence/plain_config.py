"""The plain mmseg config that runs a step's checkpoint without this package."""

import copy
from collections.abc import Mapping, Sequence

from mmengine.config import Config
from mmseg.registry import MODELS
from mmseg.utils import register_all_modules

from ..datasets import EvaluateAtThisSize
from ..datasets.nested_configs import leaf_datasets
from ..errors import InputError
from ..models.feature_recorder import tapped_modules
from ..utils.files import replace_atomically
from ..utils.palette import color_palette
from ..utils.quiet import quiet
from .sequence import Step
from .step_config import model_heads

#: What loads a step whose decisions stock mmseg cannot make.
_OUR_MODULES = dict(imports=['mmseg_incremental.apis'], allow_failed_imports=False)


def plain_config(step: Step) -> Config:
    """Config of stock mmseg for ``step_T.pth``: the user's own model, with the step's classes.

    A method whose decisions stock mmseg cannot make keeps this package's segmentor, and the
    config imports it.

    Args:
        step: The step.

    Returns:
        A config for ``mmseg.apis.init_model``, ``MMSegInferencer`` and mmseg's own tools, with
        ``model``, ``test_pipeline``, ``test_dataloader`` (its pipeline, names and colours of the
        classes) and ``visualizer``.
    """
    cfg, task, channels = step.sequence.cfg, step.sequence.task, step.channels
    plain = step.sequence.method.plain
    model = copy.deepcopy(cfg.model if plain else step.config.model)
    model.data_preprocessor.size = tuple(cfg.crop_size)
    if plain:
        model.type = 'EncoderDecoder'
    else:
        model.update(distillation=[], targets=None, trainable=[])
    for head in model_heads(model):
        head.type = getattr(MODELS.get(head.type), 'plain_type', head.type)
        head.num_classes = channels.num_classes
        head.loss_decode = dict(type='CrossEntropyLoss')
    tested = cfg.test_dataloader.get('dataset')
    evaluated = next(leaf_datasets(tested)).get('pipeline') if tested else cfg.test_pipeline
    pipeline = _whole_pictures(evaluated)
    colors = color_palette(len(task.names) + 1)
    labels = task.channel_labels(step.index)
    metainfo = dict(
        classes=task.channel_names(step.index), palette=[colors[label] for label in labels]
    )
    entries = dict(
        default_scope='mmseg',
        model=model.to_dict(),
        test_pipeline=pipeline,
        test_dataloader=dict(
            batch_size=1,
            dataset=dict(type='BaseSegDataset', metainfo=metainfo, pipeline=pipeline),
        ),
        visualizer=dict(type='SegLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')]),
    )
    return Config(entries if plain else {**entries, 'custom_imports': _OUR_MODULES})


def _whole_pictures(pipeline: Sequence[Mapping]) -> list[dict]:
    """A test pipeline for predictions of whole pictures, as stock mmseg makes them.

    One that evaluates a crop at the size of the network's input loses the crop, and loads labels
    at the size of the file.
    """
    pipeline = copy.deepcopy(list(pipeline))
    if not any(transform['type'] == EvaluateAtThisSize.__name__ for transform in pipeline):
        return pipeline
    cropping = (EvaluateAtThisSize.__name__, 'CenterCrop', 'mmcv.CenterCrop')
    *changes, packing = [t for t in pipeline if t['type'] not in cropping]
    changes.sort(key=lambda transform: transform['type'] == 'LoadAnnotations')
    return [*changes, packing]


def check_plain(step: Step) -> None:
    """Make sure that the plain config's network has the names and shapes of the step's.

    The step's network is also asked for the modules whose outputs are compared, which a step
    before it would not miss.

    Args:
        step: The step.

    Raises:
        InputError: If stock mmseg could not load the step's weights, or a module is missing.
    """
    register_all_modules(init_default_scope=False)
    with quiet():
        ours, plain = (MODELS.build(c.model) for c in (step.config, plain_config(step)))
    tapped_modules(ours, [tap for term in ours.distillation for tap in term.taps])
    extra = [f'{name}.extra.' for name, _ in ours.classifiers()]
    own, stock = (
        {name: tuple(value.shape) for name, value in model.state_dict().items()}
        for model in (ours, plain)
    )
    if step.sequence.method.plain:
        own = {name: s for name, s in own.items() if not name.startswith(tuple(extra))}
    if own != stock:
        different = sorted(name for name in {*own, *stock} if own.get(name) != stock.get(name))
        raise InputError(
            f'stock mmseg could not load step {step.index}: its network and that of '
            f'{step.sequence.cfg.model.decode_head.type} differ in {different[:5]}'
        )


def write_plain_config(step: Step) -> None:
    """Write the plain config of a step as a Python file, ``WORK_DIR/step_T.py``.

    Args:
        step: The step.

    Raises:
        OSError: If the folder cannot be written.
    """
    path = step.sequence.work_dir.plain_config(step.index)
    replace_atomically(path, plain_config(step).dump)
