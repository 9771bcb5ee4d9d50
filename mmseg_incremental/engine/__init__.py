"""What trains: MMEngine hooks, loop and runner, and the run over the steps of a sequence."""

from .bfloat16_optim_wrapper import Bfloat16OptimWrapper
from .compile_hook import CompileBackbone
from .evaluate import evaluate_step
from .incremental_loop import IncrementalLoop
from .learning_curve import LearningCurve
from .loss_log import LossLog, NonFiniteLossError
from .progress_file import ProgressFile
from .run import run_sequence
from .step_runner import StepRunner
from .train_loop import IncrementalTrainLoop

__all__ = [
    'Bfloat16OptimWrapper',
    'CompileBackbone',
    'IncrementalLoop',
    'IncrementalTrainLoop',
    'LearningCurve',
    'LossLog',
    'NonFiniteLossError',
    'ProgressFile',
    'StepRunner',
    'evaluate_step',
    'run_sequence',
]
