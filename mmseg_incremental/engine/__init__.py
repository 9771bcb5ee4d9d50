"""From a config to a trained sequence."""

from .amp import use_mixed_precision
from .bfloat16_optim_wrapper import Bfloat16OptimWrapper
from .checkpoint import CheckpointError, load_checkpoint
from .compile_hook import CompileBackbone
from .config import check_config, describe_sequence, load_config
from .evaluate import evaluate_step
from .export import export_step
from .fingerprint import step_fingerprint
from .incremental_loop import IncrementalLoop
from .learning_curve import LearningCurve
from .loss_log import LossLog, NonFiniteLossError
from .plain_config import plain_config
from .plan import StepPlan, plan_sequence
from .plan_table import plan_table
from .sequence import run_sequence
from .step_config import step_config
from .step_runner import StepRunner
from .train_loop import IncrementalTrainLoop

__all__ = [
    'Bfloat16OptimWrapper',
    'CheckpointError',
    'CompileBackbone',
    'IncrementalLoop',
    'IncrementalTrainLoop',
    'LearningCurve',
    'LossLog',
    'NonFiniteLossError',
    'StepPlan',
    'StepRunner',
    'check_config',
    'describe_sequence',
    'evaluate_step',
    'export_step',
    'load_checkpoint',
    'load_config',
    'plain_config',
    'plan_sequence',
    'plan_table',
    'run_sequence',
    'step_config',
    'step_fingerprint',
    'use_mixed_precision',
]
