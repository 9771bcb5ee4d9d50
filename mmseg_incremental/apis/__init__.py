"""What a Python user imports; importing it registers every part with mmseg."""

from ..utils.quiet import ignore_known_warnings, quiet

ignore_known_warnings()
with quiet():
    import mmpretrain.models  # noqa: F401  before a config asks for its backbones
    from mmseg.utils import register_all_modules

    register_all_modules()

from .. import datasets, engine, evaluation, models  # noqa: E402
from ..engine import evaluate_step, load_config, plan_sequence, run_sequence, step_config  # noqa: E402
from ..experiments.sweep import grid_runs, plan_jobs, plan_runs, run_sweep  # noqa: E402
from ..tasks import build_task, get_task  # noqa: E402

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
