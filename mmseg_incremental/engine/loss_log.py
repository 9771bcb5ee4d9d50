"""What an iteration logs, read without making the device wait."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from mmengine.dist import all_gather_object
from mmengine.hooks import CheckpointHook, LoggerHook, RuntimeInfoHook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor

from ..errors import InputError
from .incremental_loop import IncrementalLoop

LogValue = float | np.ndarray | Tensor

#: Iterations between two readings where nobody asks for the values earlier.
INTERVAL = 10


class NonFiniteLossError(InputError):
    """The loss is NaN or infinite."""


def is_free_to_read(value: Tensor) -> bool:
    """Whether a value can be read without waiting for an accelerator.

    Args:
        value: A tensor of any shape.

    Returns:
        True on the CPU.
    """
    return value.device.type == 'cpu'


@HOOKS.register_module()
class LossLog(RuntimeInfoHook):
    """``RuntimeInfoHook`` that reads the losses of several iterations in one transfer.

    MMEngine reads each value with ``.item()`` in each iteration, and each reading stops the
    process until the GPU has done all its work. This hook keeps the values where they are and
    reads them every ``INTERVAL`` iterations, whenever ``LoggerHook`` or ``CheckpointHook`` needs
    them, before an evaluation and at the end. The message hub gets the values of every iteration
    in order, so what is logged and averaged stays the same. On the CPU every iteration is read.

    ``after_train_iter`` runs before every other hook's, and stops at a loss that is not finite in
    any process: spoilt weights are neither saved nor evaluated.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[int, dict[str, LogValue]]] = []

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Take the iteration's values, and read all that wait if it is time.

        Raises:
            NonFiniteLossError: If a loss of this or an earlier iteration is not finite. It names
                the step, the first such iteration and its terms.
        """
        values = {
            name: value.detach() if isinstance(value, Tensor) else value
            for name, value in (outputs or {}).items()
        }
        self._waiting.append((runner.iter, values))
        if all(is_free_to_read(v) for v in values.values() if isinstance(v, Tensor)) or (
            self._is_due(runner, batch_idx)
        ):
            self._read(runner)

    def before_val(self, runner: Runner) -> None:
        """Read all that wait.

        Raises:
            NonFiniteLossError: If a loss is not finite.
        """
        self._read(runner)
        super().before_val(runner)

    def after_train(self, runner: Runner) -> None:
        """Read what an early stop left.

        Raises:
            NonFiniteLossError: If a loss is not finite.
        """
        self._read(runner)
        super().after_train(runner)

    def _is_due(self, runner: Runner, batch_idx: int) -> bool:
        """Every reader of the message hub is served, whatever its interval."""
        return (
            self.is_last_train_iter(runner)
            # LoggerHook also writes at the end of the data
            or self.end_of_epoch(runner.train_dataloader, batch_idx)
            or any(self.every_n_train_iters(runner, *n) for n in _intervals(runner))
        )

    def _read(self, runner: Runner) -> None:
        waiting, self._waiting = self._waiting, []
        tensors = [v for _, values in waiting for v in values.values() if isinstance(v, Tensor)]
        numbers = iter(_to_numbers(tensors))
        spoilt = None
        for iteration, values in waiting:
            row = {n: next(numbers) if isinstance(v, Tensor) else v for n, v in values.items()}
            for name, value in row.items():
                runner.message_hub.update_scalar(f'train/{name}', value)
            losses = {
                name: np.asarray(value).item() for name, value in row.items() if 'loss' in name
            }
            if spoilt is None and not all(map(math.isfinite, losses.values())):
                spoilt = iteration, losses
        # all processes stop together, or one would save the weights that another spoilt
        spoilt_anywhere = any(all_gather_object(spoilt is not None))
        if spoilt is not None:
            raise NonFiniteLossError(_message(runner, *spoilt))
        if spoilt_anywhere:
            raise NonFiniteLossError('the loss of another process is not finite')


def _intervals(runner: Runner) -> Iterator[tuple[int, int]]:
    """Interval and first iteration of everything that looks at the values."""
    yield INTERVAL, 0
    for hook in runner.hooks:
        if isinstance(hook, LoggerHook):
            yield hook.interval, 0
        elif isinstance(hook, CheckpointHook) and not hook.by_epoch:
            yield hook.interval, hook.save_begin


def _to_numbers(tensors: list[Tensor]) -> list[float]:
    """One transfer for all tensors of a device, which in a training are all of them."""
    numbers: list[float] = [0.0] * len(tensors)
    for device in {tensor.device for tensor in tensors}:
        members = [i for i, tensor in enumerate(tensors) if tensor.device == device]
        stacked = torch.stack([tensors[i].reshape(()).double() for i in members])
        for i, number in zip(members, stacked.tolist(), strict=True):
            numbers[i] = number
    return numbers


def _message(runner: Runner, iteration: int, losses: Mapping[str, float]) -> str:
    listed = ', '.join(f'{name}={value}' for name, value in losses.items())
    steps = [hook.step for hook in runner.hooks if isinstance(hook, IncrementalLoop)]
    where = f'step {steps[0]}, ' if steps else ''
    # a step does not go on from its checkpoints with another learning rate
    anew = f' {steps[0]}' if steps else ''
    return (
        f'{where}iteration {iteration + 1}: the loss is not finite ({listed}); lower the learning '
        f'rate and train the step anew with --resume --restart-step{anew}'
    )
