"""A sequence of two steps whose first one is a plain mmseg model that exists."""

import copy
import os
from collections.abc import Mapping

from mmengine.config import Config, ConfigDict

from ..datasets import find_layout
from ..errors import InputError
from ..tasks import Task, build_task
from ..utils.files import file_digest
from .checkpoint import write_checkpoint
from .plain_model import PlainModel, read_plain_model

_BASE_KEYS = {'config', 'checkpoint', 'classes'}
# learning rates for backbones with and without batch normalisation: chosen as
# docs/guides/add_a_class.md says
_WITH_BATCH_NORM, _WITHOUT_BATCH_NORM = 5.0e-3, 2.0e-2


def complete_extension(cfg: Config) -> None:
    """Fill in what follows from ``base`` and ``task.add`` of a config.

    The model, its test pipeline and its crop are those of ``base``; training pictures are loaded
    as test pictures are, then cropped and flipped. A learning rate of None becomes 0.005, or 0.02
    where the backbone has no batch normalisation, as in transformers.

    Args:
        cfg: Config with ``base = dict(config=, checkpoint=)`` and ``task = dict(add=[...])``;
            changed in place. Further entries are ``base.classes``, ``new_val`` (share of the new
            pictures that is kept for testing), ``old_data_root`` (labelled pictures of the old
            classes) and ``labels``.

    Raises:
        InputError: If an entry is wrong, the model cannot be read or cannot grow, or no data are
            found.
    """
    plain = _read_base(cfg)
    new = _new_classes(cfg, plain)
    names = [*plain.names, *new]
    cfg.task = dict(
        dataset='extension',
        name=f'{len(plain.names)}-{len(new)}',
        classes=names,
        background=plain.background,
    )
    cfg.labels = new_labels(cfg.get('labels') or {}, new, plain.background)
    cfg.model, cfg.backbone_weights = plain.model, None
    cfg.test_pipeline = plain.test_pipeline
    cfg.crop_size = cfg.get('crop_size') or plain.crop_size
    if not cfg.crop_size:
        raise InputError(
            f'{cfg.base.config}: it does not say how large its crops are; give --crop-size'
        )
    if cfg.step_schedule.later.get('lr') is None:
        cfg.step_schedule.later.lr = _learning_rate(plain)
    cfg.train_pipeline = _train_pipeline(plain.test_pipeline)
    dataset = cfg.train_dataloader.get('dataset')
    if not dataset:
        dataset = dict(type='BaseSegDataset', **find_layout(cfg.data_root))
    cfg.train_dataloader.dataset = dict(dataset, pipeline=cfg.train_pipeline)
    if share := cfg.get('new_val'):
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
            raise InputError(f'new_val must be a share between 0 and 1, such as 0.2, not {share!r}')
        cfg.dev = share
        cfg.test_dataloader.dataset = dict(dataset, pipeline=cfg.test_pipeline, test_mode=True)
    if cfg.get('old_data_root'):
        cfg.old_test_dataloader = copy.deepcopy(cfg.test_dataloader)
        cfg.old_test_dataloader.dataset = dict(
            type='BaseSegDataset',
            data_root=cfg.old_data_root,
            **_old_layout(cfg.old_data_root),
            pipeline=cfg.test_pipeline,
            test_mode=True,
        )
        if plain.zero_is_unlabelled and not plain.background:
            cfg.old_labels = dict(first=1, unlabelled=0)


def _read_base(cfg: Config) -> PlainModel:
    base = cfg.base
    if not isinstance(base, Mapping) or not (base.get('config') and base.get('checkpoint')):
        raise InputError(
            "base must be dict(config='MODEL.py', checkpoint='MODEL.pth'), the model that learns "
            f'more classes, got {base!r}'
        )
    if unknown := sorted(set(base) - _BASE_KEYS):
        raise InputError(f'base has unknown keys {unknown}; known are {sorted(_BASE_KEYS)}')
    return read_plain_model(base.config, base.checkpoint, base.get('classes'))


def _new_classes(cfg: Config, plain: PlainModel) -> list[str]:
    new = cfg.task.get('add')
    if unknown := sorted(set(cfg.task) - {'add'}):
        raise InputError(f'task has unknown keys {unknown}; beside a base it takes add alone')
    if not isinstance(new, list | tuple) or not new or not all(isinstance(n, str) for n in new):
        raise InputError(f"task.add must name the new classes, such as ['cat', 'dog'], got {new!r}")
    for name in new:
        if name in plain.names or list(new).count(name) > 1:
            where = (
                f'the model has it: {", ".join(plain.names)}' if name in plain.names else 'twice'
            )
            raise InputError(f'class {name!r} cannot be added, {where}')
    return list(new)


def new_labels(labels: Mapping, new: list[str], background: bool) -> dict:
    """What the values mean in the masks of the new pictures, where nothing else is labelled.

    Args:
        labels: What a config says of them.
        new: The new classes, whose values begin at 1 unless ``labels.classes`` gives them.
        background: Whether the old model has a background.

    Returns:
        As for :func:`~mmseg_incremental.datasets.label_table.label_meaning`. Values that nobody
        labelled (0, or ``labels.unlabelled``) may be the background or any old class.
    """
    out = dict(labels)
    first = out.pop('first', None)
    start = 1 if first is None else first
    if out.get('classes') is None:
        out['classes'] = {name: start + place for place, name in enumerate(new)}
    taken = [v for vs in out['classes'].values() for v in (vs if isinstance(vs, list) else [vs])]
    unlabelled = out.pop('unlabelled', None)
    if unlabelled is None:
        unlabelled = [] if 0 in taken else [0]
    out['background' if background else 'unlabelled'] = unlabelled
    return out


def _learning_rate(plain: PlainModel) -> float:
    backbone = (key for key in plain.state if key.startswith('backbone.'))
    normalised = any(key.endswith('running_mean') for key in backbone)
    return _WITH_BATCH_NORM if normalised else _WITHOUT_BATCH_NORM


def _train_pipeline(test_pipeline: list[ConfigDict]) -> list[dict]:
    """Load as for a test, labels before what changes the size, then crop and flip."""
    ours = ('LoadAnnotations', 'PackSegInputs')
    rest = [dict(part) for part in test_pipeline if part.type not in ours]
    return [
        *rest[:1],
        dict(type='LoadAnnotations'),
        *rest[1:],
        dict(type='RandomCrop', crop_size=None),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PackSegInputs'),
    ]


def _old_layout(root: str) -> dict:
    """Test pictures by the usual names of their folders, or all there are."""
    for split in ('val', 'validation', 'test'):
        try:
            return find_layout(root, split)
        except InputError:
            continue
    return find_layout(root)


def base_fingerprint(checkpoint: str | os.PathLike) -> str:
    """What stands for the training of a step 0 that was trained elsewhere."""
    return file_digest(checkpoint)


def take_plain_model(cfg: Config, target: str | os.PathLike, sequence: Mapping) -> None:
    """Write a plain model as step 0 of a sequence.

    Args:
        cfg: The completed config.
        target: ``step_0.pth``.
        sequence: Description of the sequence.

    Raises:
        InputError: If the model cannot be read any more.
        OSError: If the folder cannot be written.
    """
    plain = _read_base(cfg)
    task: Task = build_task(cfg.task)
    meta = dict(
        step=0,
        sequence=dict(sequence),
        dataset_meta=dict(classes=task.channel_names(0)),
        taken_from=str(cfg.base.checkpoint),
        fingerprint=base_fingerprint(cfg.base.checkpoint),
    )
    write_checkpoint(target, dict(meta=meta, state_dict=dict(plain.state)))
