"""What a Python user imports; importing it registers every part with mmseg."""

from .. import registration  # noqa: F401  first: what follows is noisier without it
from ..engine import evaluate_step, run_sequence
from ..experiments.grid import grid_runs
from ..experiments.sweep import plan_jobs, plan_runs, run_sweep
from ..export import export_step
from ..inference import IncrementalInferencer
from ..sequence import RunOptions, Sequence, load_sequence, plan_sequence
from ..tasks import build_task, get_task

__all__ = [
    'IncrementalInferencer',
    'RunOptions',
    'Sequence',
    'build_task',
    'evaluate_step',
    'export_step',
    'get_task',
    'grid_runs',
    'load_sequence',
    'plan_jobs',
    'plan_runs',
    'plan_sequence',
    'run_sequence',
    'run_sweep',
]
