"""What a sequence tells its loggers."""

import math
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path

import mmcv
from mmengine.dist import is_main_process
from mmengine.hooks import Hook, LoggerHook
from mmengine.runner import Runner

from ..errors import told_as
from ..evaluation import SequenceResults
from ..sequence.sequence import Sequence
from .backends import Logger, TensorboardLogger, WandbLogger

_KINDS = {'tensorboard': TensorboardLogger, 'wandb': WandbLogger}
_NOT_LOGGED = ('iter', 'step')
_CLASSES = ('mIoU', 'mIoU_with_background', 'IoU')


class SequenceLog:
    """All loggers of one sequence; of several processes the main one logs.

    The first axis of everything is the number of iterations since the beginning of step 0.

    Args:
        names: Which loggers; see :data:`~mmseg_incremental.utils.loggers.LOGGERS`.
        sequence: The sequence.
        results: Its results, which tell how long the finished steps were.

    Raises:
        InputError: If a logger cannot start, such as W&B without a login.
    """

    def __init__(
        self, names: Collection[str], sequence: Sequence, results: SequenceResults
    ) -> None:
        self._results = results
        self._loggers: list[Logger] = []
        self._open = ExitStack()
        for name in names if is_main_process() else ():
            with told_as(f'--log {name} cannot start its run'):
                logger = _KINDS[name](sequence.work_dir, sequence.description)
            self._open.callback(logger.close)
            self._loggers.append(logger)

    def __enter__(self) -> 'SequenceLog':
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def __bool__(self) -> bool:
        return bool(self._loggers)

    def start_of(self, step: int) -> int:
        """Iterations of all steps before one."""
        steps = self._results.steps
        return sum(steps[earlier].get('iterations') or 0 for earlier in steps if earlier < step)

    def scalars(self, values: Mapping[str, float], iteration: int) -> None:
        """Log what is a number.

        Args:
            values: Name to value.
            iteration: Iterations since the beginning of step 0.
        """
        known = {n: v for n, v in values.items() if v is not None and not math.isnan(v)}
        for logger in self._loggers:
            logger.scalars(known, iteration)

    def evaluated(self, step: int) -> None:
        """Log the results of a step, and mIoU over the steps so far.

        Args:
            step: The step, which the results have.
        """
        result = self._results.steps[step]
        values = {
            f'{kind}/{name}': value for kind in _CLASSES for name, value in result[kind].items()
        }
        values['pixel_accuracy'] = result['pixel_accuracy']
        self.scalars(values, self.start_of(step + 1))
        steps = sorted(self._results.steps)
        lines = {
            name: {s: v for s, v in zip(steps, self._results.column('mIoU', name), strict=True)
                   if v is not None}
            for name in result['mIoU']
        }  # fmt: skip
        for logger in self._loggers:
            logger.over_steps({name: points for name, points in lines.items() if points})

    def pictures(self, paths: Collection[str | Path]) -> None:
        """Log what was drawn at the end.

        Args:
            paths: PNG files.
        """
        iteration = self.start_of(max(self._results.steps) + 1)
        for logger in self._loggers:
            for path in map(Path, paths):
                pixels = mmcv.imread(str(path), channel_order='rgb')
                logger.picture(f'pictures/{path.stem}', pixels, iteration)


class LogTraining(Hook):
    """Tell the loggers of a sequence what MMEngine's ``LoggerHook`` writes of a step.

    ``after_train_iter`` acts where that hook does, and at the end of the step; on a GPU its memory
    is among the values. ``after_val_epoch`` tells evaluations while the step is learnt.

    Args:
        log: The loggers.
        step: The step.
    """

    priority = 'VERY_LOW'

    def __init__(self, log: SequenceLog, step: int) -> None:
        self.log = log
        self.start = log.start_of(step)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Log losses, learning rate, times and memory."""
        due = any(
            self.every_n_inner_iters(batch_idx, hook.interval)
            for hook in runner.hooks
            if isinstance(hook, LoggerHook)
        )
        if due or self.is_last_train_iter(runner):
            values, _ = runner.log_processor.get_log_after_iter(runner, batch_idx, 'train')
            named = {f'train/{n}': v for n, v in values.items() if n not in _NOT_LOGGED}
            self.log.scalars(named, self.start + runner.iter + 1)

    def after_val_epoch(self, runner: Runner, metrics: Mapping[str, float] | None = None) -> None:
        """Log what was measured while learning."""
        named = {f'while_learning/{name}': value for name, value in (metrics or {}).items()}
        self.log.scalars(named, self.start + runner.iter)
