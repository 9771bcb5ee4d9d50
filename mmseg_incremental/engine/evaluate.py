"""Evaluation of one step's checkpoint; training and ``tools/test.py`` both come here."""

import copy
import json
import os

from ..datasets import leaf_datasets
from ..sequence.checkpoint import load_step_checkpoint, load_weights, step_state
from ..sequence.sequence import Step
from .step_runner import StepRunner, fit_to_machine

_TRAINING = (
    'train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler', 'custom_hooks',
    'val_dataloader', 'val_cfg', 'val_evaluator',
)  # fmt: skip
_TRAINING_HOOKS = ('incremental_loop', 'learning_curve', 'compile_backbone')


def evaluate_step(
    step: Step, checkpoint: str | os.PathLike, launcher: str = 'none'
) -> dict[str, float]:
    """Evaluate a step's checkpoint on the pictures that the protocol gives the step.

    Args:
        step: The step.
        checkpoint: Path of ``step_T.pth``.
        launcher: Launcher of a distributed run.

    Returns:
        What :class:`~mmseg_incremental.evaluation.ClassGroupIoUMetric` measures.

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
    cfg.experiment_name += '_evaluation'
    fit_to_machine(cfg, launcher)
    runner = StepRunner.from_cfg(cfg)
    model = getattr(runner.model, 'module', runner.model)
    load_weights(model, step_state(content), str(checkpoint))
    return runner.test()


def inference(step: Step) -> dict:
    """How test pictures are brought to the network, in plain values.

    Args:
        step: The step.

    Returns:
        ``test_cfg`` of the model (whole pictures or a sliding window) and the test ``pipeline``.
    """
    leaf = next(leaf_datasets(step.config.test_dataloader.dataset))
    found = dict(test_cfg=step.config.model.get('test_cfg'), pipeline=leaf.pipeline)
    return json.loads(json.dumps(found, default=str))
