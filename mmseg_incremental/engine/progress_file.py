"""How far a running sequence is, as a small file that other programs read."""

import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Literal

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ..errors import InputError
from ..utils.files import write_atomically

State = Literal['training', 'evaluating', 'done', 'failed']

_VERSION = 1
_SECONDS_BETWEEN = 2.0


@dataclass(frozen=True)
class SequenceProgress:
    """Where a sequence stands.

    Args:
        step: The step that it is at.
        steps: The steps that are run.
        state: What is done at the step; ``'done'`` and ``'failed'`` are of the whole run.
        iteration: Iterations of the step that are done.
        iterations: Iterations that the step has.
        updated: When this was written, UTC in ISO 8601.
    """

    step: int
    steps: tuple[int, ...]
    state: State
    iteration: int
    iterations: int
    updated: str = ''

    def write(self, path: str | os.PathLike) -> None:
        """Write the file as a whole, with the time of now.

        Raises:
            OSError: If the folder cannot be written.
        """
        now = datetime.now(timezone.utc).isoformat(timespec='seconds')
        content = {'version': _VERSION, **asdict(replace(self, updated=now))}
        write_atomically(path, json.dumps(content) + '\n')


def read_progress(path: str | os.PathLike) -> SequenceProgress | None:
    """Read where a sequence stands.

    Args:
        path: The file.

    Returns:
        What it says, or None if it is not there.

    Raises:
        InputError: If it is damaged or of another version.
    """
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8'))
        if content.pop('version') != _VERSION:
            raise ValueError(f'its version is not {_VERSION}')
        return SequenceProgress(**{**content, 'steps': tuple(content['steps'])})
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(f'{path}: not a progress file of this version ({error})') from error


class ProgressWriter:
    """Writes where a sequence stands, at every change of state and now and then between.

    As a context it also tells the end: done, or failed after an error. Of several processes the
    main one writes.

    Args:
        path: The file.
        steps: The steps that are run.
    """

    def __init__(self, path: str | os.PathLike, steps: Sequence[int]) -> None:
        self.path = Path(path)
        self.steps = tuple(steps)
        self._last: tuple[int, State] | None = None
        self._written = -math.inf

    def tell(self, step: int, state: State, iteration: int, iterations: int) -> None:
        """Write, unless little has changed since a moment ago.

        Args:
            step: The step.
            state: What is done at it.
            iteration: Iterations that are done.
            iterations: Iterations that the step has.

        Raises:
            OSError: If the folder cannot be written.
        """
        clock = time.monotonic()
        if (step, state) == self._last and clock - self._written < _SECONDS_BETWEEN:
            return
        self._last, self._written = (step, state), clock
        if is_main_process():
            now = SequenceProgress(step, self.steps, state, iteration, iterations)
            now.write(self.path)

    def __enter__(self) -> 'ProgressWriter':
        return self

    def __exit__(self, kind: type | None, error: Exception | None, trace: TracebackType) -> None:
        if is_main_process() and (last := read_progress(self.path)):
            replace(last, state='done' if kind is None else 'failed').write(self.path)


@HOOKS.register_module()
class ProgressFile(Hook):
    """Write how far a step's training is.

    ``before_train`` fires after a resumed checkpoint is loaded, and here before the hooks that
    prepare the step, which can take minutes. ``after_train_iter`` reads nothing from the device.

    Args:
        path: The file.
        step: The step.
        steps: The steps that are run.
    """

    priority = 'HIGH'

    def __init__(self, path: str, step: int, steps: Sequence[int]) -> None:
        self.step = step
        self._writer = ProgressWriter(path, steps)

    def before_train(self, runner: Runner) -> None:
        """Tell where the training begins."""
        self._tell(runner, 'training', runner.iter)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Tell how far it is, now and then."""
        self._tell(runner, 'training', runner.iter + 1)

    def before_val(self, runner: Runner) -> None:
        """Tell that it is evaluated while it learns."""
        self._tell(runner, 'evaluating', runner.iter)

    def after_val(self, runner: Runner) -> None:
        """Tell that it goes on."""
        self._tell(runner, 'training', runner.iter)

    def _tell(self, runner: Runner, state: State, iteration: int) -> None:
        self._writer.tell(self.step, state, iteration, runner.max_iters)
