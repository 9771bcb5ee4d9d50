"""A sequence of steps as values and files: what is read, planned and kept."""

from .config import load_sequence
from .fingerprint import step_fingerprint
from .plain_config import plain_config
from .plan import plan_sequence
from .safe_loading import CheckpointError, load_checkpoint
from .sequence import Sequence, Step
from .step_plan import RunOptions, StepPlan
from .work_dir import WorkDir

__all__ = [
    'CheckpointError',
    'RunOptions',
    'Sequence',
    'Step',
    'StepPlan',
    'WorkDir',
    'load_checkpoint',
    'load_sequence',
    'plain_config',
    'plan_sequence',
    'step_fingerprint',
]
