"""What the comparisons share: the command ``extend`` in Python."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mmseg_incremental.apis import RunOptions, load_sequence, run_sequence
from mmseg_incremental.evaluation.spread import Spread
from mmseg_incremental.utils.console import get_console, print_table
from mmseg_incremental.utils.files import write_atomically
from mmseg_incremental.utils.table import Column, Table

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


def class_iou(model: tuple[Path, Path], folder: Path, value: int) -> float:
    """IoU (%) of a class by stock mmseg.

    Args:
        model: Config and checkpoint of a plain model.
        folder: ``images`` and ``masks``, whose values are the model's; 255 does not count.
        value: The class.
    """
    from mmseg.apis import inference_model, init_model
    from mmseg.evaluation import IoUMetric

    network = init_model(str(model[0]), str(model[1]), device='cpu')
    hits, union = 0.0, 0.0
    for path in sorted((folder / 'images').iterdir()):
        seen = inference_model(network, str(path)).pred_sem_seg.data[0].cpu()
        mask = torch.from_numpy(np.array(Image.open(folder / 'masks' / f'{path.stem}.png')))
        of_both, of_either, *_ = IoUMetric.intersect_and_union(seen, mask, 255, 255)
        hits += float(of_both[value])
        union += float(of_either[value])
    return 100 * hits / union


def mean(values: Mapping[str, float], names: list[str]) -> float:
    """Mean IoU (%) of some classes."""
    return float(np.mean([values[name] for name in names]))


def write_spreads(
    title: str,
    names: Sequence[str],
    heads: Sequence[str],
    found: Mapping[tuple[str, ...], Sequence[Sequence[float]]],
    path: Path,
) -> None:
    """Print and write a table of means and standard deviations over seeds.

    Args:
        title: What it shows.
        names: Headings of what tells the rows from each other.
        heads: Headings of the values.
        found: What tells a row from others to the values of every seed.
        path: Markdown file.
    """
    rows = [[*key, *map(Spread.of, zip(*seeds, strict=True))] for key, seeds in found.items()]
    columns = [*(Column(name, 'left') for name in names), *map(Column, heads)]
    table = Table(title, columns, [rows])
    print_table(get_console(), table)
    write_atomically(path, table.markdown())
