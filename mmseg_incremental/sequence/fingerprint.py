"""What a step's weights depend on: all of it, as one short text, and what differs."""

import copy
import functools
import hashlib
import json
import os
from collections.abc import Mapping
from collections.abc import Sequence as Listing

from mmengine.config import ConfigDict

from ..utils.files import file_digest
from ..utils.flat_entries import flat_entries
from .sequence import Step

# What cannot change a weight. Everything else in the config counts, known to us or not.
_NO_WEIGHTS = (
    'work_dir', 'experiment_name', 'load_from', 'resume', 'launcher', 'log_level', 'log_processor',
    'vis_backends', 'visualizer', 'custom_imports', 'test_dataloader', 'test_evaluator', 'test_cfg',
    'val_dataloader', 'val_evaluator', 'val_cfg', 'env_cfg',
)  # fmt: skip
#: Where the data lie and how fast they come.
_LOADER_SPEED = ('num_workers', 'persistent_workers', 'pin_memory', 'prefetch_factor')
#: Hooks that only look on, save or speed up (compiled code rounds otherwise, no more).
_ONLOOKERS = (
    'CheckpointHook', 'CompileBackbone', 'IterTimerHook', 'LearningCurve', 'LoggerHook', 'LossLog',
    'ProgressFile', 'RuntimeInfoHook', 'SegVisualizationHook',
)  # fmt: skip
_SHOWN = 40  # characters of a value in a message


def step_settings(
    step: Step, pictures: Listing[str], before: str | None, world_size: int = 1
) -> str:
    """Everything in config and data that a step's training depends on, as JSON.

    Two steps with the same settings learn the same classes from the same pictures with the
    same network, losses, optimiser, length and seed, and start from equal weights. What comes
    after the step does not count: step 0 of 15-5 and of 15-5s are the same.

    Args:
        step: The step.
        pictures: Names of its training pictures, in the order of the list.
        before: Fingerprint of the step before; None at step 0.
        world_size: Number of processes.

    Returns:
        JSON with sorted keys.
    """
    sequence, task = step.sequence, step.sequence.task
    out = copy.deepcopy(step.config._cfg_dict)
    for key in _NO_WEIGHTS:
        out.pop(key, None)
    loop = out.default_hooks.pop('incremental_loop')
    out.default_hooks = {
        name: hook
        for name, hook in out.default_hooks.items()
        if not (hook and hook.get('type') in _ONLOOKERS)
    }
    out.train_cfg.pop('num_evaluations', None)
    _hide_places(out.train_dataloader)
    _weights_by_content(out.model)
    content = dict(
        config=out,
        before=before,
        pictures=list(pictures),
        classes=[sequence.class_names(t) for t in range(step.index + 1)],
        dataset=task.dataset,
        void=sequence.protocol.void,
        classifier_init=loop.classifier_init if step.index else None,
        survey=loop.survey,
        after_step=loop.after_step,
        memory=sequence.method.memory if step.index else None,
        world_size=world_size,
    )
    if loop.get('importance'):
        content['importance'] = loop.importance
    return json.dumps(content, sort_keys=True, default=str)


def step_fingerprint(
    step: Step, pictures: Listing[str], before: str | None, world_size: int = 1
) -> str:
    """Hash of :func:`step_settings`, which takes the same arguments.

    Returns:
        64 hexadecimal digits.
    """
    return fingerprint_of(step_settings(step, pictures, before, world_size))


def fingerprint_of(settings: str) -> str:
    """Hash of the settings of a step, 64 hexadecimal digits."""
    return _hash(settings)


def different_settings(there: str, here: str) -> list[str]:
    """Say in which entries the settings of two steps differ.

    Args:
        there: Settings of a step from :func:`step_settings`.
        here: Those that it is compared with.

    Returns:
        A line ``entry: value there -> value here`` for each, sorted.
    """
    one, other = (_by_option(json.loads(text)) for text in (there, here))
    keys = sorted(key for key in {*one, *other} if one.get(key) != other.get(key))
    return [f'{key}: {_short(one.get(key))} -> {_short(other.get(key))}' for key in keys]


def _by_option(settings: Mapping) -> dict[str, object]:
    """Settings by dotted key, those of the config such as a user gives to change them."""
    return {key.removeprefix('config.'): v for key, v in flat_entries(settings).items()}


def _short(value: object) -> str:
    text = repr(value)
    if isinstance(value, list) and len(text) > _SHOWN:
        return f'{len(value)} entries'
    return text if len(text) <= _SHOWN else f'{text[: _SHOWN - 3]}...'


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _hide_places(loader: ConfigDict) -> None:
    """Pictures count by name and classes by name, wherever they lie and whatever follows."""
    for key in _LOADER_SPEED:
        loader.pop(key, None)
    view = loader.dataset
    for key in ('task', 'protocol', 'memory'):
        view.pop(key, None)
    _drop_data_root(view)


def _drop_data_root(config: object) -> None:
    if isinstance(config, dict):
        config.pop('data_root', None)
        for value in config.values():
            _drop_data_root(value)
    elif isinstance(config, list):
        for value in config:
            _drop_data_root(value)


def _weights_by_content(model: ConfigDict) -> None:
    """The same weights under another path are the same weights, and speed changes rounding only."""
    model.pop('fast_path', None)
    backbone = model.backbone.get('backbone_cfg', model.backbone)
    init = backbone.get('init_cfg')
    if isinstance(init, dict) and os.path.isfile(init.get('checkpoint') or ''):
        init.checkpoint = _file_hash(init.checkpoint, os.path.getmtime(init.checkpoint))


@functools.lru_cache
def _file_hash(path: str, modified: float) -> str:
    return file_digest(path)
