"""Checkpoints loaded without running anything they hold, and compared with their checksums."""

import os
import pickle
import zipfile
from collections.abc import Callable, Mapping
from contextlib import nullcontext

import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import get_torch_safe_globals

from ..errors import InputError


class CheckpointError(InputError):
    """A checkpoint is missing, damaged, unsafe or of another model."""


def load_checkpoint(path: str | os.PathLike, training_state: bool = False) -> dict:
    """Load a checkpoint on the CPU, tensors and plain containers only.

    Args:
        path: The file.
        training_state: Whether the loggers' value histories, which MMEngine keeps in its own
            checkpoints, are allowed too.

    Returns:
        What the file holds.

    Raises:
        CheckpointError: If it is missing, damaged, or holds other objects; those are refused,
            not executed.
    """
    if not os.path.isfile(path):
        raise CheckpointError(f'{path}: checkpoint not found')
    allowed = (
        torch.serialization.safe_globals(_history_globals()) if training_state else nullcontext()
    )
    try:
        _check_sums(path)
        with allowed:
            content = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).split('WeightsUnpickler error:')[-1].strip().split('\n')[0]
        raise CheckpointError(
            f'{path}: refused, since it is damaged or holds objects other than tensors and plain '
            f'containers, which could run code ({reason})'
        ) from error
    except Exception as error:  # damaged bytes can make the unpickler fail in any way
        reason = str(error).split('\n')[0]
        raise CheckpointError(f'{path}: damaged or truncated checkpoint ({reason})') from error
    if not isinstance(content, Mapping):
        raise CheckpointError(f'{path}: not a checkpoint, it holds a {type(content).__name__}')
    return dict(content)


def _history_globals() -> list:
    """What histories are made of; of attributes only their own statistics, which they name."""
    listed = [entry for entry in get_torch_safe_globals() if entry is not getattr]
    return [*listed, (_statistic, 'builtins.getattr')]


def _statistic(owner: type, name: str) -> Callable:
    statistics = HistoryBuffer()._statistics_methods
    if owner is not HistoryBuffer or name not in statistics:
        raise pickle.UnpicklingError(f'it asks {owner!r} for {name!r}')
    return statistics[name]


def _check_sums(path: str | os.PathLike) -> None:
    """Compare every part of the archive with its checksum, at which PyTorch does not look.

    Files of PyTorch before 1.6 are no archives and have no checksums.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        if damaged := archive.testzip():
            raise zipfile.BadZipFile(f'the checksum of {damaged} differs')
