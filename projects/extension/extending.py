"""What the comparisons share: the command ``extend`` in Python."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mmseg_incremental.apis import RunOptions, load_sequence, run_sequence

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
NO_WORKERS = {
    'train_dataloader.num_workers': 0,
    'train_dataloader.persistent_workers': False,
    'test_dataloader.num_workers': 0,
}


def extend(model: tuple[Path, Path], new: str, options: Mapping, work_dir: Path) -> dict:
    """Add a class to a model; an extension that is there is not trained again.

    Args:
        model: Config and checkpoint.
        new: The class.
        options: Config entries by dotted key, the data among them.
        work_dir: Folder of the result.

    Returns:
        What was measured at step 0, the model as it was, and at step 1.
    """
    base = {'base.config': str(model[0]), 'base.checkpoint': str(model[1]), 'task.add': [new]}
    options = {**base, **NO_WORKERS, **options}
    sequence = load_sequence(CONFIGS / 'extend.py', options, str(work_dir))
    return run_sequence(sequence, RunOptions(resume=True)).steps


def mean(values: Mapping[str, float], names: list[str]) -> float:
    """Mean IoU (%) of some classes."""
    return float(np.mean([values[name] for name in names]))
