"""Reading a config leaf and telling what sequence it describes."""

import difflib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from mmengine.config import Config, ConfigDict

from ..datasets import SETTINGS, get_protocol
from ..errors import InputError
from ..tasks import build_task
from .method import check_method, find_method

REQUIRED = (
    'task', 'method', 'setting', 'protocol', 'data_root', 'backbone_weights', 'crop_size',
    'batch_size', 'step_schedule', 'model', 'train_dataloader', 'test_dataloader',
    'optim_wrapper', 'param_scheduler',
)  # fmt: skip
_SCHEDULE_KEYS = {'lr', 'epochs', 'iters', 'freeze_norm', 'num_evaluations'}


def load_config(
    path: str | os.PathLike, options: Mapping | None = None, work_dir: str | None = None
) -> Config:
    """Read and check a config leaf.

    Args:
        path: The leaf.
        options: Values that replace the leaf's, by dotted key.
        work_dir: Folder of the sequence. Defaults to the config's own ``work_dir``, and without
            one to ``work_dirs/`` and the leaf's name.

    Returns:
        The config.

    Raises:
        InputError: If the file is missing or an entry is wrong.
    """
    if not os.path.isfile(path):
        raise InputError(f'{path}: config not found')
    cfg = Config.fromfile(path)
    if options:
        _refuse_misspelt(options, cfg)
        try:
            cfg.merge_from_dict(dict(options))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f'options {dict(options)} do not fit {path}: {error}') from error
    if isinstance(cfg.get('method'), str):
        cfg.method = find_method(cfg.method, path)
    if isinstance(cfg.get('crop_size'), int):
        cfg.crop_size = (cfg.crop_size, cfg.crop_size)
    cfg.work_dir = work_dir or cfg.get('work_dir') or f'work_dirs/{Path(path).stem}'
    check_config(cfg)
    return cfg


def _refuse_misspelt(options: Mapping, cfg: Config) -> None:
    """Refuse a new top-level key that is nearly one of the config's."""
    for key in options:
        top = key.split('.')[0]
        similar = difflib.get_close_matches(top, list(cfg.keys()), n=1, cutoff=0.8)
        if top not in cfg and similar:
            raise InputError(f'unknown option {key!r}; did you mean {similar[0]!r}?')


def check_config(cfg: Config) -> None:
    """Check the entries that a sequence is made of.

    Args:
        cfg: The config.

    Raises:
        InputError: If one is missing, or unknown.
    """
    if missing := [key for key in REQUIRED if key not in cfg]:
        raise InputError(f'{cfg.filename or "config"} lacks {missing}')
    if cfg.get('load_from') or cfg.get('resume'):
        raise InputError(
            'load_from and resume are set per step; use backbone_weights for the weights that '
            'step 0 starts from, and --resume to go on with a sequence'
        )
    build_task(cfg.task)
    get_protocol(cfg.protocol)
    check_method(cfg.method)
    if cfg.setting not in SETTINGS:
        raise InputError(f'unknown setting {cfg.setting!r}; settings are {list(SETTINGS)}')
    if not isinstance(cfg.batch_size, int) or cfg.batch_size < 1:
        raise InputError(f'batch_size must be a positive whole number, got {cfg.batch_size!r}')
    for switch in ('fast_path', 'compile_backbone'):
        if not isinstance(cfg.get(switch, False), bool):
            raise InputError(f'{switch} must be True or False, got {cfg[switch]!r}')
    size = cfg.crop_size
    if not (
        isinstance(size, (list, tuple))
        and len(size) == 2
        and all(isinstance(edge, int) and edge > 0 for edge in size)
    ):
        raise InputError(f'crop_size must be (height, width) in pixels, got {size!r}')
    if unknown := sorted(set(cfg.step_schedule) - {'first', 'later'}):
        raise InputError(f'step_schedule has unknown keys {unknown}; known are first and later')
    for part in ('first', 'later'):
        _check_schedule(part, cfg.step_schedule.get(part) or {})


def _check_schedule(part: str, entry: Mapping) -> None:
    if not isinstance(entry, Mapping):
        raise InputError(f'step_schedule.{part} must be a dict, got {entry!r}')
    if unknown := sorted(set(entry) - _SCHEDULE_KEYS):
        raise InputError(
            f'step_schedule.{part} has unknown keys {unknown}; known are {sorted(_SCHEDULE_KEYS)}'
        )
    lengths = [key for key in ('epochs', 'iters') if entry.get(key) is not None]
    if 'lr' not in entry or len(lengths) != 1:
        raise InputError(
            f'step_schedule.{part} must give lr and one of epochs and iters (the other None), '
            f'got {dict(entry)}'
        )
    number = entry.get('num_evaluations', 1)
    if not isinstance(number, int) or number < 1:
        raise InputError(
            f'step_schedule.{part}.num_evaluations must be a positive whole number, got {number!r}'
        )


def describe_sequence(cfg: Config) -> dict:
    """What a work dir and a checkpoint belong to, in plain values.

    Args:
        cfg: A checked config.

    Returns:
        Data set, task, class names per step, setting, protocol and method.
    """
    task = build_task(cfg.task)
    method = cfg.method.to_dict() if isinstance(cfg.method, ConfigDict) else dict(cfg.method)
    description = {
        'dataset': task.dataset,
        'task': task.name,
        'groups': [[task.names[label - 1] for label in group] for group in task.groups],
        'setting': cfg.setting,
        'protocol': asdict(get_protocol(cfg.protocol)),
        'method': method,
    }
    return json.loads(json.dumps(description))  # as results.json will give it back
