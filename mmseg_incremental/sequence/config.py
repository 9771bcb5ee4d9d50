"""Reading a config leaf and its options into a sequence."""

import copy
import difflib
import os
from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config

from ..datasets import SETTINGS, get_protocol, label_meaning
from ..datasets.nested_configs import leaf_datasets
from ..errors import InputError, told_as
from ..methods.method import Method
from ..models.bisenet import complete_bisenet
from ..tasks import build_task
from ..utils.shipped import find_config
from .config_groups import GROUPS, chosen_files, read_leaf, split_choices
from .extension import complete_extension
from .part_types import check_part_types
from .schedule import read_schedules
from .schema import ExtensionSchema, MethodSchema, SequenceSchema, check_entries
from .sequence import Sequence
from .step_config import step_config
from .work_dir import WorkDir

REQUIRED = (
    'task', 'method', 'setting', 'protocol', 'data_root', 'backbone_weights', 'crop_size',
    'batch_size', 'step_schedule', 'model', 'train_dataloader', 'test_dataloader',
    'optim_wrapper', 'param_scheduler',
)  # fmt: skip
_MODEL_PARTS = ('data_preprocessor', 'backbone', 'decode_head')
#: Hooks that the package sets itself.
_OWN_HOOKS = {'incremental_loop', 'learning_curve', 'compile_backbone', 'progress'}
#: Pipelines by name, and the loaders that have copies of them.
_PIPELINES = {'train_pipeline': 'train_dataloader', 'test_pipeline': 'test_dataloader'}
_SWITCHES = ('fast_path', 'compile_backbone', 'amp')
#: Top-level entries that a leaf need not have, but may.
_OPTIONAL = (
    *_SWITCHES, 'work_dir', 'taps', 'custom_hooks', 'auto_scale_lr', 'sync_bn', 'model_wrapper_cfg',
    'find_unused_parameters', 'load_from', 'resume', 'dev', 'partition_seed',
    'labels', 'base', 'new_val', 'old_data_root', 'old_labels', 'old_test_dataloader',
)  # fmt: skip


def load_sequence(
    path: str | os.PathLike, options: Mapping | None = None, work_dir: str | None = None
) -> Sequence:
    """Read and check a config leaf.

    Args:
        path: The leaf, or the name of one that comes with the package.
        options: Values that replace the leaf's, by dotted key. ``model``, ``dataset``, ``task``,
            ``method`` and ``schedule`` with a name choose another file of ``_base_``.
        work_dir: Folder of the sequence. Defaults to the config's own ``work_dir``, and without
            one to ``work_dirs/`` and the leaf's name.

    Returns:
        The sequence.

    Raises:
        InputError: If the file is missing or an entry is wrong.
    """
    path = find_config(path)
    choices, options = split_choices(options or {})
    cfg = read_leaf(path, choices)
    _merge(cfg, options, path)
    if cfg.get('base'):
        complete_extension(cfg)
    if isinstance(cfg.get('crop_size'), int):
        cfg.crop_size = (cfg.crop_size, cfg.crop_size)
    cfg.work_dir = str(work_dir or cfg.get('work_dir') or f'work_dirs/{path.stem}')
    _check_config(cfg, path)
    with told_as('model: its parts do not fit together'):
        complete_bisenet(cfg.model)
    with told_as('task cannot be used'):
        task = build_task(cfg.task)
    with told_as('method cannot be used'):
        method = Method(cfg.method)
    check_entries(MethodSchema, cfg.method, 'method.')
    method.check_background(task)
    label_meaning(task, labels=cfg.get('labels'))  # refuses what is wrong
    return Sequence(
        cfg=cfg,
        task=task,
        setting=cfg.setting,
        protocol=get_protocol(cfg.protocol),
        method=method,
        schedules=read_schedules(cfg.step_schedule, task.num_steps),
        work_dir=WorkDir(Path(cfg.work_dir)),
        choices={**chosen_files(path), **choices},
        build_config=step_config,
    )


def _merge(cfg: Config, options: Mapping, path: Path) -> None:
    if not options:
        return
    known = {*cfg.keys(), *REQUIRED, *_OPTIONAL}
    for key in options:
        top = key.split('.')[0]
        if top not in known:
            similar = difflib.get_close_matches(top, [*known, *GROUPS], n=1, cutoff=0.6)
            hint = f'did you mean {similar[0]!r}?' if similar else f'{path} has no such entry'
            raise InputError(f'unknown option {key!r}; {hint}')
    named = {name: copy.deepcopy(cfg.get(name)) for name in _PIPELINES}
    try:
        cfg.merge_from_dict(dict(options))
    except Exception as error:  # MMEngine's merging meets values of any type
        raise InputError(f'options {dict(options)} do not fit {path}: {error}') from error
    for name, loader in _PIPELINES.items():
        if cfg.get(name) != named[name]:
            _use_pipeline(cfg, name, named[name], loader)


def _use_pipeline(cfg: Config, name: str, before: object, loader: str) -> None:
    """Give the loader a pipeline that an option changed by its name, as its data set had it."""
    dataset = cfg.get(loader, {}).get('dataset') if isinstance(cfg.get(loader), Mapping) else None
    leaves = list(leaf_datasets(dataset)) if isinstance(dataset, Mapping) else []
    if any(leaf.get('pipeline') == cfg[name] for leaf in leaves):
        return
    same = [leaf for leaf in leaves if leaf.get('pipeline') == before]
    if not same and not cfg.get('base'):
        raise InputError(
            f'{name} is not what {loader} loads pictures with; set the pipeline of its data set'
        )
    for leaf in same:
        leaf['pipeline'] = copy.deepcopy(cfg[name])


def _check_config(cfg: Config, path: Path) -> None:
    """Check the entries that no other part of a sequence checks when it reads them."""
    if missing := [key for key in REQUIRED if key not in cfg]:
        raise InputError(f'{path} lacks {missing}')
    if not isinstance(cfg.model, Mapping):
        raise InputError(f'model must be a dict, got {cfg.model!r}')
    if missing := [key for key in _MODEL_PARTS if not isinstance(cfg.model.get(key), Mapping)]:
        raise InputError(f'{path}: model lacks {missing}')
    if cfg.get('load_from') or cfg.get('resume'):
        raise InputError(
            'load_from and resume are set per step; use backbone_weights for the weights that '
            'step 0 starts from, and --resume to go on with a sequence'
        )
    hooks = cfg.get('default_hooks')
    if own := sorted(_OWN_HOOKS & set(hooks if isinstance(hooks, Mapping) else {})):
        raise InputError(
            f'default_hooks.{own[0]} is set per step by the package; a hook of your own needs '
            'another name, or goes into custom_hooks'
        )
    if cfg.setting not in list(SETTINGS):
        raise InputError(f'unknown setting {cfg.setting!r}; settings are {list(SETTINGS)}')
    check_part_types(cfg._cfg_dict)
    check_entries(ExtensionSchema if cfg.get('base') else SequenceSchema, cfg._cfg_dict)
    for loader in _PIPELINES.values():
        _check_pipelines(cfg[loader].get('dataset') or {}, f'{loader}.dataset')
    rule = cfg.get('auto_scale_lr') or {}
    if rule.get('enable') and not rule.get('base_batch_size'):
        raise InputError('auto_scale_lr needs base_batch_size, for which the learning rate is')


def _check_pipelines(dataset: Mapping, name: str) -> None:
    """Refuse data sets that would only list their pictures."""
    with told_as(f'{name} cannot be used'):
        leaves = list(leaf_datasets(dataset))
    for leaf in leaves:
        pipeline = leaf.get('pipeline', [{}])
        if not pipeline or not isinstance(pipeline, list | tuple):
            raise InputError(f'{name}: its pipeline must be a list of transforms, got {pipeline!r}')
