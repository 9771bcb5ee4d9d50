"""How long and how fast each step learns."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import InputError


@dataclass(frozen=True)
class StepSchedule:
    """Schedule of one step.

    Args:
        lr: Learning rate at its start.
        epochs: Passes over the pictures, or None.
        iters: Iterations in place of epochs, or None.
        freeze_norm: Whether batch normalisation keeps its statistics and its parameters.
        num_evaluations: Evaluations while learning, the last at the end; 1 is none.
    """

    lr: float
    epochs: int | None = None
    iters: int | None = None
    freeze_norm: bool = False
    num_evaluations: int = 1


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_rate(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


_COUNT = ('a positive whole number', _is_count)
#: What each entry must be.
_VALUES = {
    'lr': ('a number that is not negative', _is_rate),
    'epochs': _COUNT,
    'iters': _COUNT,
    'freeze_norm': ('True or False', lambda value: isinstance(value, bool)),
    'num_evaluations': _COUNT,
}


def read_schedules(schedule: Mapping, num_steps: int) -> tuple[StepSchedule, ...]:
    """Read ``step_schedule`` of a config.

    Args:
        schedule: ``first`` for step 0 and ``later`` for the others; what ``steps`` (a list with
            an entry per step) or a step's number as key says goes before.
        num_steps: Number of steps of the task.

    Returns:
        The schedule of each step.

    Raises:
        InputError: If a key or value is wrong; the message names it.

    Example:
        >>> entry = {'first': {'lr': 0.1, 'epochs': 30}, 'later': {'lr': 0.01, 'epochs': 30}}
        >>> read_schedules({**entry, '2': {'iters': 5}}, 3)[2]
        StepSchedule(lr=0.01, epochs=None, iters=5, freeze_norm=False, num_evaluations=1)
    """
    schedule = {str(key): value for key, value in schedule.items()}
    listed = schedule.pop('steps', None)
    numbers = {str(step) for step in range(num_steps)}
    if unknown := sorted(set(schedule) - {'first', 'later'} - numbers):
        raise InputError(
            f'step_schedule has unknown keys {unknown}; known are first, later, steps and the '
            f'numbers of the steps, 0 to {num_steps - 1}'
        )
    if listed is not None and (not isinstance(listed, list) or len(listed) != num_steps):
        raise InputError(
            f'step_schedule.steps must be a list with an entry for each of the {num_steps} steps, '
            f'got {listed!r}'
        )
    return tuple(_read_step(schedule, listed, step) for step in range(num_steps))


def _read_step(schedule: Mapping, listed: list | None, step: int) -> StepSchedule:
    part = 'later' if step else 'first'
    sources = {f'step_schedule.{part}': schedule.get(part)}
    if listed is not None:
        sources[f'step_schedule.steps[{step}]'] = listed[step]
    sources[f'step_schedule.{step}'] = schedule.get(str(step))
    values: dict = {}
    for where, entry in sources.items():
        values = _override(values, entry, where)
    where = ' and '.join(name for name, entry in sources.items() if entry)
    lengths = [key for key in ('epochs', 'iters') if values.get(key) is not None]
    if 'lr' not in values or len(lengths) != 1:
        raise InputError(
            f'{where or f"step_schedule.{part}"} must give lr and one of epochs and iters (the '
            f'other None), got {values}'
        )
    for key, value in values.items():
        wanted, fits = _VALUES[key]
        if not (fits(value) or (value is None and key in ('epochs', 'iters'))):
            raise InputError(f'{where}: {key} must be {wanted}, got {value!r}')
    return StepSchedule(**values)


def _override(values: Mapping, entry: object, where: str) -> dict:
    """Values with those of an entry on top; a length takes the place of the other kind."""
    if entry is None:
        return dict(values)
    if not isinstance(entry, Mapping):
        raise InputError(f'{where} must be a dict, got {entry!r}')
    if unknown := sorted(set(entry) - set(_VALUES)):
        raise InputError(f'{where} has unknown keys {unknown}; known are {sorted(_VALUES)}')
    gives_length = any(entry.get(key) is not None for key in ('epochs', 'iters'))
    dropped = {'epochs', 'iters'} if gives_length and values else set()
    return {**{k: v for k, v in values.items() if k not in dropped}, **entry}


def training_iters(
    num_images: int, batch_size: int, epochs: int | None = None, iters: int | None = None
) -> int:
    """Iterations of a step's training.

    Args:
        num_images: Number of pictures of the step.
        batch_size: Pictures per iteration, over all processes.
        epochs: Passes over the pictures; an incomplete batch at the end of a pass is not
            counted, but a pass is at least one iteration.
        iters: Iterations, in place of epochs.

    Returns:
        The number of iterations.

    Example:
        >>> training_iters(100, 24, epochs=30), training_iters(3, 24, epochs=2)
        (120, 2)
    """
    return iters if iters is not None else epochs * max(num_images // batch_size, 1)
