"""Pictures per second of training, data loading included."""

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner

from benchmarks.harness import Result, medians
from benchmarks.networks import sequence, student
from benchmarks.voc import find_or_draw
from mmseg_incremental.engine.step_runner import fit_to_machine

BATCH, CROP, ITERATIONS = 8, 256, 3


def measure(rounds: int) -> list[Result]:
    """MiB at step 1 of 15-5 with one data worker, fast and plain."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        root, what = find_or_draw(Path(folder, 'voc'))
        for method in ('ft', 'mib'):
            calls = {fast: _training(method, str(root), folder, fast) for fast in (True, False)}
            seconds = medians({str(fast): call for fast, call in calls.items()}, rounds)
            speeds = [BATCH * ITERATIONS / seconds[str(fast)] for fast in (True, False)]
            results.append(
                Result(
                    f'{method.upper()}, R18, batch {BATCH}, {CROP}x{CROP}, {what} pictures',
                    *speeds,
                    unit='pictures/s',
                    better='more',
                )
            )
    return results


def _training(method: str, root: str, folder: str, fast: bool) -> Callable[[], None]:
    """A call that trains for some iterations on batches from a loader of its own."""
    options = {
        'data_root': root, 'batch_size': BATCH, 'crop_size': CROP, 'fast_path': fast,
        'train_dataloader.num_workers': 1,
    }  # fmt: skip
    cfg = copy.deepcopy(sequence(method, work_dir=folder, **options).step(1).config)
    fit_to_machine(cfg, 'none')
    model = student(cfg.model)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    wrapper = OptimWrapper(optimizer)
    batches = iter(Runner.build_dataloader(cfg.train_dataloader, seed=0))

    def train() -> None:
        for _ in range(ITERATIONS):
            model.train_step(next(batches), wrapper)

    return train
