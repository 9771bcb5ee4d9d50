"""What a Python user imports; importing it registers every part with mmseg."""

from importlib import import_module

from .. import registration  # noqa: F401  first: what follows is noisier without it
from ..engine import evaluate_step, run_sequence
from ..experiments.grid import grid_runs
from ..experiments.sweep import plan_jobs, plan_runs, run_sweep
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
    'write_report',
]
#: What a training does not need, and takes long to import.
_LATER = {
    'IncrementalInferencer': 'inference',
    'export_step': 'export',
    'write_report': 'report',
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'..{_LATER[name]}', __package__), name)
