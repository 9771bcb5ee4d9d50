"""What the entries of a config must be, declared in one place."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import InputError
from .entry_types import (
    WANTED,
    Batch,
    Count,
    CountOrNone,
    Entries,
    Entry,
    EntryOrNone,
    FilePath,
    FilePathOrNone,
    Interval,
    Level,
    Listed,
    Number,
    Scope,
    Share,
    Size,
    StartMethod,
    Switch,
    Weight,
    Whole,
    WholeOrAll,
    WholeOrNone,
    Workers,
)


class _Part(BaseModel):
    """An entry that may have keys beside the declared ones."""

    model_config = ConfigDict(extra='allow')


class _LinearRule(BaseModel):
    model_config = ConfigDict(extra='forbid')

    enable: Switch = False
    base_batch_size: CountOrNone = None


class _Randomness(BaseModel):
    model_config = ConfigDict(extra='forbid')

    seed: WholeOrNone = None
    deterministic: Switch = False
    diff_rank_seed: Switch = False


class _Processes(_Part):
    mp_start_method: StartMethod = 'fork'
    opencv_num_threads: Whole = 0


class _Environment(_Part):
    cudnn_benchmark: Switch = False
    mp_cfg: _Processes = Field(default_factory=_Processes)
    dist_cfg: Entry = Field(default_factory=dict)


class _Visualizer(_Part):
    vis_backends: Entries = None


class _CheckpointHook(_Part):
    interval: Interval = -1
    max_keep_ckpts: WholeOrAll = -1


class _Hooks(_Part):
    __pydantic_extra__: dict[str, dict[str, Any] | None]
    checkpoint: _CheckpointHook | None = None


class _Loader(_Part):
    dataset: Entry
    batch_size: Batch = 1
    num_workers: Workers = 0
    persistent_workers: Switch = False
    pin_memory: Switch = False
    prefetch_factor: CountOrNone = None
    sampler: EntryOrNone = None
    batch_sampler: EntryOrNone = None


class _OptionalLoader(_Loader):
    dataset: EntryOrNone = None


class _Optimizer(_Part):
    lr: Number = 0.0
    momentum: Weight = 0.0
    weight_decay: Weight = 0.0


class _OptimWrapper(_Part):
    optimizer: _Optimizer
    accumulative_counts: Count = 1
    clip_grad: EntryOrNone = None


class _Term(_Part):
    loss_weight: Weight = 1.0


class _Preprocessor(_Part):
    pad_val: Number = 0
    seg_pad_val: Number = 255


class _Model(_Part):
    data_preprocessor: _Preprocessor


class MethodSchema(_Part):
    """The losses of a method; everything else is checked where it is built."""

    loss: Annotated[list[_Term], Listed]
    first_loss: Annotated[list[_Term] | None, Listed] = None
    distillation: list[_Term]


class SequenceSchema(_Part):
    """Entries of a leaf whose values no other part of a sequence checks."""

    batch_size: Batch
    crop_size: Size
    data_root: FilePath
    work_dir: FilePath
    backbone_weights: FilePathOrNone = None
    fast_path: Switch = True
    compile_backbone: Switch = False
    amp: Switch = False
    find_unused_parameters: Switch = False
    dev: Share = None
    partition_seed: Whole = 0
    model: _Model
    step_schedule: Entry
    auto_scale_lr: _LinearRule | None = None
    train_dataloader: _Loader
    test_dataloader: _Loader
    optim_wrapper: _OptimWrapper
    param_scheduler: Annotated[Entries, Listed] = None
    randomness: _Randomness | None = None
    default_hooks: _Hooks | None = None
    custom_hooks: Entries = None
    env_cfg: _Environment = Field(default_factory=_Environment)
    log_processor: EntryOrNone = None
    log_level: Level = 'INFO'
    visualizer: _Visualizer | None = None
    vis_backends: Entries = None
    default_scope: Scope = 'mmseg'


class ExtensionSchema(SequenceSchema):
    """A plain model that learns more classes may have no pictures to test on."""

    test_dataloader: _OptionalLoader


_CLOSED = {'auto_scale_lr': _LinearRule, 'randomness': _Randomness}
_KINDS = {'model_type': 'a dict', 'dict_type': 'a dict', 'list_type': 'a list'}


def check_entries(schema: type[BaseModel], cfg: Mapping, where: str = '') -> None:
    """Compare the entries of a config with a schema.

    Args:
        schema: :class:`SequenceSchema`, :class:`ExtensionSchema` or :class:`MethodSchema`.
        cfg: The entries.
        where: What stands before their names in the message.

    Raises:
        InputError: If an entry is not what it must be. It names the first, its value and what is
            wanted.
    """
    try:
        schema.model_validate(_plain(cfg))
    except ValidationError as error:
        raise InputError(_message(error, where)) from None


def _plain(value: object) -> object:
    """The dicts of MMEngine, which make up values when they are asked, as plain ones."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value


def _message(error: ValidationError, where: str) -> str:
    first = error.errors(include_url=False)[0]
    *owner, key = [str(part) for part in first['loc']]
    if first['type'] == 'extra_forbidden':
        name = '.'.join(owner)
        known = sorted(_CLOSED[name].model_fields)
        return f'{where}{name} has unknown keys [{key!r}]; known are {known}'
    name = where + '.'.join([*owner, key])
    if first['type'] == 'missing':
        return f'{name} is missing'
    wanted = first.get('ctx', {}).get(WANTED) or _KINDS.get(first['type']) or first['msg']
    return f'{name} must be {wanted}, got {first["input"]!r}'
