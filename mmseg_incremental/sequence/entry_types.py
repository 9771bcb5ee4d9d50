"""Kinds of values that the entries of a config have, each with the words for what it must be."""

import math
import os
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

_LONGEST_NAME = 255  # bytes of a file's name, on all usual file systems
WANTED = 'wanted'
_LARGEST_WHOLE = 2**63 - 1
_LARGEST_BATCH = 65536
_MOST_WORKERS = 1024


def must_be(wanted: str) -> WrapValidator:
    """Say in our words what a value must be."""

    def validate(value: object, handler: Callable[[object], object]) -> object:
        try:
            return handler(value)
        except (ValidationError, ValueError) as error:
            raise PydanticCustomError(WANTED, '{wanted}', {WANTED: wanted}) from error

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

Count = Annotated[_Count, must_be('a positive whole number')]
CountOrNone = Annotated[_Count | None, must_be('a positive whole number, or None')]
Whole = Annotated[_Whole, must_be('a whole number from 0 on')]
WholeOrNone = Annotated[_Whole | None, must_be('a whole number from 0 on, or None')]
WholeOrAll = Annotated[Annotated[StrictInt, Field(ge=-1)], must_be('a whole number, or -1 for all')]
Batch = Annotated[
    Annotated[StrictInt, Field(gt=0, le=_LARGEST_BATCH)],
    must_be(f'a positive whole number up to {_LARGEST_BATCH}'),
]
Workers = Annotated[
    Annotated[StrictInt, Field(ge=0, le=_MOST_WORKERS)],
    must_be(f'a whole number from 0 to {_MOST_WORKERS}'),
]
Interval = Annotated[
    Annotated[StrictInt, Field(ge=-1)], must_be('a whole number of iterations, or -1 for never')
]
Switch = Annotated[StrictBool, must_be('True or False')]
SwitchOrNone = Annotated[StrictBool | None, must_be('True, False or None')]
Number = Annotated[_Number, must_be('a number')]
Weight = Annotated[_Number, Field(ge=0), must_be('a number that is not negative')]
Share = Annotated[
    Annotated[StrictFloat, Field(gt=0, lt=1)] | None,
    must_be('a share between 0 and 1, or None'),
]
Size = Annotated[
    tuple[Annotated[StrictInt, Field(ge=2)], Annotated[StrictInt, Field(ge=2)]],
    must_be('(height, width) in pixels, 2 or more'),
]
FilePath = Annotated[_AnyPath, must_be(_PATH)]
FilePathOrNone = Annotated[_AnyPath | None, must_be(f'{_PATH}, or None')]
Entry = Annotated[dict[str, Any], must_be('a dict')]
EntryOrNone = Annotated[dict[str, Any] | None, must_be('a dict, or None')]
Entries = Annotated[list[dict[str, Any]] | None, must_be('a list of dicts')]
StartMethod = Annotated[
    Literal['fork', 'spawn', 'forkserver'], must_be("'fork', 'spawn' or 'forkserver'")
]
Level = Annotated[
    Literal['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'],
    must_be("'DEBUG', 'INFO', 'WARNING', 'ERROR' or 'CRITICAL'"),
]
Scope = Annotated[Literal['mmseg'], must_be("'mmseg'")]
#: A dict where one is enough counts as a list with it.
Listed = BeforeValidator(lambda value: [value] if isinstance(value, dict) else value)
