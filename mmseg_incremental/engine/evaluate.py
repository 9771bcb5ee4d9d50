"""Evaluation of one step's checkpoint; training and the command ``test`` both come here."""

import copy
import math
import os
from collections.abc import Callable, Mapping

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from ..sequence.checkpoint import load_step_checkpoint, load_weights, step_state
from ..sequence.sequence import Step
from ..sequence.step_config import channel_groups
from ..utils.progress import progress_bar
from .step_runner import StepRunner, fit_to_machine

_TRAINING = (
    'train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler', 'custom_hooks',
    'val_dataloader', 'val_cfg', 'val_evaluator',
)  # fmt: skip
_TRAINING_HOOKS = ('incremental_loop', 'learning_curve', 'compile_backbone')


def evaluate_step(
    step: Step,
    checkpoint: str | os.PathLike,
    launcher: str = 'none',
    detail: str | os.PathLike | None = None,
) -> dict[str, float]:
    """Evaluate a step's checkpoint on the pictures that the protocol gives the step.

    Args:
        step: The step.
        checkpoint: Path of ``step_T.pth``.
        launcher: Launcher of a distributed run.
        detail: File for the confusion matrix and the IoU of every picture; not written where two
            data sets are measured.

    Returns:
        What :class:`~mmseg_incremental.evaluation.ClassGroupIoUMetric` measures. Where one data
        set shows the old classes and another one the new ones, each is measured on its own, and
        what none of them shows is NaN.

    Raises:
        InputError: If the checkpoint or the data cannot be used.
    """
    content = load_step_checkpoint(checkpoint, step.sequence.description, step.index)
    cfg = copy.deepcopy(step.config)
    for key in _TRAINING:
        cfg.pop(key, None)
    for hook in _TRAINING_HOOKS:
        cfg.default_hooks.pop(hook, None)
    cfg.model.update(distillation=[], targets=None)
    # other loggers of the config would begin a run of their own, which stays empty
    cfg.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    tests = [(cfg.pop(f'{kind}_dataloader', None), cfg.pop(f'{kind}_evaluator', None))
             for kind in ('old_test', 'test')]  # fmt: skip
    found: list[tuple[Mapping, dict]] = []
    for number, (loader, evaluator) in enumerate(tests):
        if loader:
            one = copy.deepcopy(cfg)
            one.test_dataloader, one.test_evaluator = loader, evaluator
            one.test_cfg = dict(type='TestLoop')
            one.experiment_name += f'_evaluation_{number}' if found else '_evaluation'
            runner = _runner(one, step_state(content), checkpoint, launcher)
            found.append((evaluator, _tested(runner)))
    if step.sequence.is_extension:
        return _joined(step, found)
    if detail and is_main_process():
        runner.test_evaluator.metrics[0].detail.save(detail)
    return found[0][1]


def _runner(
    cfg: Config, state: Mapping, checkpoint: str | os.PathLike, launcher: str
) -> StepRunner:
    fit_to_machine(cfg, launcher)
    runner = StepRunner.from_cfg(cfg)
    model = getattr(runner.model, 'module', runner.model)
    load_weights(model, state, str(checkpoint))
    return runner


def _tested(runner: StepRunner) -> dict[str, float]:
    """Test with a bar that has the time left."""
    number = len(runner.test_dataloader)
    with progress_bar('Evaluating', number, is_main_process()) as advance:
        runner.register_hook(_AfterEachBatch(advance))
        return runner.test()


class _AfterEachBatch(Hook):
    """Calls a function after each batch of a test."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def after_test_iter(self, *args: object, **kwargs: object) -> None:
        self._call()


def _joined(step: Step, found: list[tuple[Mapping, dict]]) -> dict[str, float]:
    """Metrics of tests that each measure some of the classes; a group counts if all of it does."""
    names, task = step.sequence.task.channel_names(step.index), step.sequence.task
    iou = dict.fromkeys(names, math.nan)
    measured: set[int] = set()
    for evaluator, metrics in found:
        measured.update(evaluator.measured)
        for channel in evaluator.measured:
            iou[names[channel]] = metrics[f'IoU/{names[channel]}']
    joined = {}
    for kind, background in (('mIoU', False), ('mIoU_bg', True)):
        if background and not task.background:
            continue
        for group, channels in channel_groups(task, step.index, background).items():
            values = [iou[names[channel]] for channel in channels]
            known = [value for value in values if not math.isnan(value)]
            whole = known and measured.issuperset(channels)
            joined[f'{kind}/{group}'] = sum(known) / len(known) if whole else math.nan
    joined.update({f'IoU/{name}': value for name, value in iou.items()})
    return {**joined, 'aAcc': found[0][1]['aAcc'] if found else math.nan}
