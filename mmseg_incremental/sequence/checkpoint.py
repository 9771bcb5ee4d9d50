"""Checkpoints of steps and inside them: what they must hold, written as a whole or not at all."""

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from ..models import IncrementalEncoderDecoder
from ..utils.files import replace_atomically
from .safe_loading import CheckpointError, load_checkpoint

_EXTRA = 'extra_state_dict'
#: Entry of a checkpoint inside a step: what its weights depend on, see ``step_settings``.
SETTINGS = 'settings'


def load_step_checkpoint(path: str | os.PathLike, sequence: Mapping, step: int) -> dict:
    """Load ``step_T.pth`` and check that it is of this sequence and step.

    Args:
        path: The file.
        sequence: Description of the running sequence.
        step: The step whose weights are expected.

    Returns:
        ``dict(meta=..., state_dict=...)``.

    Raises:
        CheckpointError: If it is of another data set, class order or step, or not a step's.
    """
    content = load_checkpoint(path)
    meta = content.get('meta')
    if (
        not isinstance(meta, Mapping)
        or not isinstance(meta.get('sequence'), Mapping)
        or 'step' not in meta
        or not isinstance(content.get('state_dict'), Mapping)
    ):
        raise CheckpointError(f'{path}: not the checkpoint of a step')
    _check_same_task(path, meta['sequence'], sequence, step)
    if meta['step'] != step:
        raise CheckpointError(f'{path}: checkpoint of step {meta["step"]}, expected step {step}')
    return content


def _check_same_task(path: str | os.PathLike, there: Mapping, here: Mapping, step: int) -> None:
    """What is learnt after the step does not matter: 15-5 and 15-5s share step 0."""
    seen = [
        dict(dataset=s.get('dataset'), groups=list(s.get('groups') or [])[: step + 1])
        for s in (there, here)
    ]
    for key in seen[0]:
        if seen[0][key] != seen[1][key]:
            raise CheckpointError(
                f'{path}: checkpoint of another task, its {key} is {seen[0][key]}, '
                f'the config has {seen[1][key]}'
            )


def step_state(content: Mapping) -> dict:
    """All weights in the checkpoint of a step, those of channels beside the classes too."""
    return {**content['state_dict'], **content.get(_EXTRA, {})}


def load_old_weights(model: IncrementalEncoderDecoder, state: Mapping, path: str) -> None:
    """Load the step before into a grown model; only the new classifiers may be missing.

    Args:
        model: Model of this step.
        state: :func:`step_state` of the step before.
        path: Where it came from, for the message.

    Raises:
        CheckpointError: If anything but the new classifiers' parameters is missing, anything is
            left over, or a shape differs.
    """
    expected = set()
    for name, classifier in model.classifiers():
        held = {key.removeprefix(f'{name}.') for key in state if key.startswith(f'{name}.')}
        expected |= {f'{name}.{parameter}' for parameter in classifier.new_parameter_names(held)}
    _load(model, state, path, expected)


def load_weights(model: nn.Module, state: Mapping, path: str) -> None:
    """Load a whole model.

    Args:
        model: The model.
        state: Its ``state_dict``.
        path: Where it came from, for the message.

    Raises:
        CheckpointError: If a key is missing or left over, or a shape differs.
    """
    _load(model, state, path, set())


def _load(model: nn.Module, state: Mapping, path: str, may_lack: set[str]) -> None:
    try:
        result = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise CheckpointError(f'{path}: does not fit the model: {error}') from error
    missing = set(result.missing_keys) ^ may_lack
    if missing or result.unexpected_keys:
        raise CheckpointError(
            f'{path}: does not fit the model; missing {sorted(missing)[:5]}, '
            f'left over {sorted(result.unexpected_keys)[:5]}'
        )


def check_finite(state: Mapping, what: str) -> None:
    """Refuse weights that the last update has spoilt.

    Args:
        state: A ``state_dict``.
        what: Whose it is, for the message.

    Raises:
        CheckpointError: If a weight is NaN or infinite.
    """
    for name, value in state.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise CheckpointError(
                f'{what}: the weights {name} are not finite, so nothing is saved; '
                'lower the learning rate and train the step anew with --resume --restart-step'
            )


def save_step_checkpoint(
    path: str | os.PathLike, state: Mapping, meta: Mapping, extra: Collection[str] = ()
) -> None:
    """Write a step's weights; the file appears only when it is complete.

    Args:
        path: ``step_T.pth``.
        state: ``state_dict`` of the student.
        meta: Plain values: step, sequence, ``dataset_meta``.
        extra: Names in the state of what stock mmseg's network lacks; they are kept apart, so
            that ``state_dict`` in the file is stock mmseg's.

    Raises:
        OSError: If the folder cannot be written.
    """
    state = {name: value.cpu().contiguous() for name, value in state.items()}
    content = {'meta': dict(meta)}
    if extra:
        content[_EXTRA] = {name: state.pop(name) for name in extra}
    write_checkpoint(path, {**content, 'state_dict': state})


def write_checkpoint(path: str | os.PathLike, content: Mapping) -> None:
    """Write a checkpoint as a whole or not at all.

    Args:
        path: The file.
        content: Tensors and plain containers.

    Raises:
        OSError: If the folder cannot be written.
    """
    replace_atomically(path, lambda name: torch.save(dict(content), name))


class UsableCheckpoint(NamedTuple):
    """What there is inside a step to go on from.

    Args:
        path: The newest undamaged checkpoint, or None.
        settings: Settings that it was trained with, as JSON; None where it does not tell.
        damaged: What is wrong with the newer ones.
    """

    path: str | None
    settings: str | None
    damaged: tuple[str, ...]


def newest_usable(paths: Iterable[Path]) -> UsableCheckpoint:
    """First undamaged one of the checkpoints inside a step, for resuming.

    Args:
        paths: The checkpoints, the newest first.

    Returns:
        Where it is, and what was passed over.
    """
    damaged = []
    for path in paths:
        try:
            content = load_checkpoint(path, training_state=True)
        except CheckpointError as error:
            damaged.append(str(error))
            continue
        return UsableCheckpoint(str(path), content.get(SETTINGS), tuple(damaged))
    return UsableCheckpoint(None, None, tuple(damaged))
