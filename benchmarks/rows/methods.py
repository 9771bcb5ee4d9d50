"""What every method costs beside fine-tuning, in whole trainings of step 1."""

import tempfile
from pathlib import Path

from benchmarks.harness import Result
from mmseg_incremental.experiments.method_cost import method_costs
from mmseg_incremental.preparation.shapes import make_shapes
from mmseg_incremental.utils.quiet import quiet

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
LEAF = CONFIGS / 'bisenet_r18_shapes_4-1_mib.py'


def measure(rounds: int) -> list[Result]:
    """Seconds and memory relative to FT; passes and what learns beside them."""
    names = sorted(path.stem for path in (CONFIGS / '_base_' / 'methods').glob('*.py'))
    names = ['ft', *(name for name in names if name not in ('ft', 'joint'))]
    with tempfile.TemporaryDirectory() as folder, quiet():
        data = Path(folder, 'shapes')
        make_shapes(data, num_train=60, num_val=10, size=96)
        options = {'data_root': str(data), 'batch_size': 8, 'crop_size': (96, 96)}
        costs = method_costs(LEAF, names, options, Path(folder), max(rounds // 3, 1))
    base = costs['ft']
    results = []
    for name, cost in costs.items():
        note = (
            f'{cost.seconds / base.seconds:.2f} x the time, '
            f'{cost.memory_mb / base.memory_mb:.2f} x the memory of FT; '
            f'{cost.old_passes:g} old pass, {cost.survey_pictures} pictures surveyed, '
            f'{cost.trainable / base.trainable:.1%} learn'
        )
        results.append(Result(name, cost.seconds, base.seconds, note=note))
    return results
