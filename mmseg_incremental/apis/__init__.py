"""What a Python user imports; importing it registers every part with mmseg."""

from .. import registration  # noqa: F401  before what prints while it is imported
from ..engine import evaluate_step, load_config, plan_sequence, run_sequence, step_config
from ..experiments.sweep import grid_runs, plan_jobs, plan_runs, run_sweep
from ..registration import datasets, engine, evaluation, models
from ..tasks import build_task, get_task

__all__ = [
    'build_task',
    'datasets',
    'engine',
    'evaluate_step',
    'evaluation',
    'get_task',
    'grid_runs',
    'load_config',
    'models',
    'plan_jobs',
    'plan_runs',
    'plan_sequence',
    'run_sequence',
    'run_sweep',
    'step_config',
]
