"""What a Python user imports; importing it registers every part with mmseg."""

from .. import registration  # noqa: F401  first: what follows is noisier without it
from ..engine import evaluate_step, load_config, plan_sequence, run_sequence, step_config
from ..experiments.sweep import grid_runs, plan_jobs, plan_runs, run_sweep
from ..tasks import build_task, get_task

__all__ = [
    'build_task',
    'evaluate_step',
    'get_task',
    'grid_runs',
    'load_config',
    'plan_jobs',
    'plan_runs',
    'plan_sequence',
    'run_sequence',
    'run_sweep',
    'step_config',
]
