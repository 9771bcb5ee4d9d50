"""Evaluation of one step's checkpoint; training and ``tools/test.py`` both come here."""

import os

from mmengine.config import Config

from .checkpoint import load_step_checkpoint, load_weights
from .config import describe_sequence
from .step_config import step_config
from .step_runner import StepRunner, fit_to_machine

_TRAINING = (
    'train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler', 'custom_hooks',
    'val_dataloader', 'val_cfg', 'val_evaluator',
)  # fmt: skip


def evaluate_step(
    cfg: Config, step: int, checkpoint: str | os.PathLike, launcher: str = 'none'
) -> dict[str, float]:
    """Evaluate a step's checkpoint on the pictures that the protocol gives the step.

    Args:
        cfg: A checked config.
        step: The step.
        checkpoint: Path of ``step_T.pth``.
        launcher: Launcher of a distributed run.

    Returns:
        What :class:`~mmseg_incremental.evaluation.ClassGroupIoUMetric` measures.

    Raises:
        InputError: If the checkpoint or the data cannot be used.
    """
    state = load_step_checkpoint(checkpoint, describe_sequence(cfg), step)['state_dict']
    step_cfg = step_config(cfg, step)
    for key in _TRAINING:
        step_cfg.pop(key, None)
    step_cfg.model.distillation = []
    step_cfg.experiment_name += '_evaluation'
    fit_to_machine(step_cfg, launcher)
    runner = StepRunner.from_cfg(step_cfg)
    load_weights(getattr(runner.model, 'module', runner.model), state, str(checkpoint))
    return runner.test()
