"""What the entries of a config must be, declared in one place."""

import math
import os
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from ..errors import InputError

_LONGEST_NAME = 255  # bytes of a file's name, on all usual file systems
_WANTED = 'wanted'
_LARGEST_WHOLE = 2**63 - 1
_LARGEST_BATCH = 65536
_MOST_WORKERS = 1024


def _must_be(wanted: str) -> WrapValidator:
    """Say in our words what a value must be."""

    def validate(value: object, handler: Callable[[object], object]) -> object:
        try:
            return handler(value)
        except (ValidationError, ValueError) as error:
            raise PydanticCustomError(_WANTED, '{wanted}', {_WANTED: wanted}) from error

    return WrapValidator(validate)


def _path(text: str) -> str:
    if not text or '\0' in text:
        raise ValueError('empty, or with a NUL')
    if max(len(os.fsencode(part)) for part in text.split(os.sep)) > _LONGEST_NAME:
        raise ValueError('a part is too long')
    return text


def _finite(value: float) -> float:
    if not math.isfinite(value) or (isinstance(value, int) and abs(value) > _LARGEST_WHOLE):
        raise ValueError('not finite, or a whole number that PyTorch cannot take')
    return value


_Number = Annotated[StrictInt | StrictFloat, AfterValidator(_finite)]
_Count = Annotated[StrictInt, Field(gt=0)]
_Whole = Annotated[StrictInt, Field(ge=0)]
_AnyPath = Annotated[StrictStr, AfterValidator(_path)]
_PATH = 'a path without NUL whose parts have at most 255 bytes'

Count = Annotated[_Count, _must_be('a positive whole number')]
CountOrNone = Annotated[_Count | None, _must_be('a positive whole number, or None')]
Whole = Annotated[_Whole, _must_be('a whole number from 0 on')]
WholeOrNone = Annotated[_Whole | None, _must_be('a whole number from 0 on, or None')]
WholeOrAll = Annotated[
    Annotated[StrictInt, Field(ge=-1)], _must_be('a whole number, or -1 for all')
]
Batch = Annotated[
    Annotated[StrictInt, Field(gt=0, le=_LARGEST_BATCH)],
    _must_be(f'a positive whole number up to {_LARGEST_BATCH}'),
]
Workers = Annotated[
    Annotated[StrictInt, Field(ge=0, le=_MOST_WORKERS)],
    _must_be(f'a whole number from 0 to {_MOST_WORKERS}'),
]
Interval = Annotated[
    Annotated[StrictInt, Field(ge=-1)], _must_be('a whole number of iterations, or -1 for never')
]
Switch = Annotated[StrictBool, _must_be('True or False')]
SwitchOrNone = Annotated[StrictBool | None, _must_be('True, False or None')]
Number = Annotated[_Number, _must_be('a number')]
Weight = Annotated[_Number, Field(ge=0), _must_be('a number that is not negative')]
Share = Annotated[
    Annotated[StrictFloat, Field(gt=0, lt=1)] | None,
    _must_be('a share between 0 and 1, or None'),
]
Size = Annotated[
    tuple[Annotated[StrictInt, Field(ge=2)], Annotated[StrictInt, Field(ge=2)]],
    _must_be('(height, width) in pixels, 2 or more'),
]
FilePath = Annotated[_AnyPath, _must_be(_PATH)]
FilePathOrNone = Annotated[_AnyPath | None, _must_be(f'{_PATH}, or None')]
Entry = Annotated[dict[str, Any], _must_be('a dict')]
EntryOrNone = Annotated[dict[str, Any] | None, _must_be('a dict, or None')]
Entries = Annotated[list[dict[str, Any]] | None, _must_be('a list of dicts')]
StartMethod = Annotated[
    Literal['fork', 'spawn', 'forkserver'], _must_be("'fork', 'spawn' or 'forkserver'")
]
Level = Annotated[
    Literal['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'],
    _must_be("'DEBUG', 'INFO', 'WARNING', 'ERROR' or 'CRITICAL'"),
]
Scope = Annotated[Literal['mmseg'], _must_be("'mmseg'")]
#: A dict where one is enough counts as a list with it.
_Listed = BeforeValidator(lambda value: [value] if isinstance(value, dict) else value)


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

    loss: Annotated[list[_Term], _Listed]
    first_loss: Annotated[list[_Term] | None, _Listed] = None
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
    param_scheduler: Annotated[Entries, _Listed] = None
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
    wanted = first.get('ctx', {}).get(_WANTED) or _KINDS.get(first['type']) or first['msg']
    return f'{name} must be {wanted}, got {first["input"]!r}'
