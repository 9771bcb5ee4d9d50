"""Runs whose results were written by hand."""

from pathlib import Path
from types import SimpleNamespace

from mmseg_incremental.evaluation import SequenceResults
from mmseg_incremental.experiments.run import PlannedRun, Run
from mmseg_incremental.sequence.work_dir import WorkDir

SEQUENCE = {'dataset': 'voc', 'task': 't', 'groups': [['a'], ['b']], 'method': {'name': 'M'}}
STEPS = [SimpleNamespace(step=0), SimpleNamespace(step=1)]


def planned(
    root: Path,
    label: str,
    seed: int,
    old: float | None = None,
    new: float | None = None,
    curve: list[dict] | None = None,
    order: int = 0,
) -> PlannedRun:
    """A run whose results, if any, are these."""
    run = Run('leaf.py', {'label': label}, seed, label, order=order)
    work_dir = WorkDir(root / run.name)
    work_dir.path.mkdir(parents=True)
    if old is not None:
        results = SequenceResults(SEQUENCE)
        metrics = {'mIoU/1': old, 'mIoU/2': new, 'mIoU/all': (old + new) / 2,
                   'mIoU_bg/all': 50.0, 'aAcc': 90.0, 'IoU/a': old}  # fmt: skip
        results.record(0, metrics, learning_curve=curve, num_images=20, batch_size=10)
        results.record(1, metrics)
        results.save(work_dir.results)
    sequence = SimpleNamespace(work_dir=work_dir, method=SimpleNamespace(name='M'))
    return PlannedRun(run, sequence, STEPS)
