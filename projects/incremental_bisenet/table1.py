"""Table 1 of the paper: batch and crop that fill the memory."""

from pathlib import Path

from mmengine.config import Config
from rich.console import Console

from mmseg_incremental.experiments.fit_batch import (
    NothingFitsError,
    fit_batch,
    memory_budget,
    try_batch,
)
from mmseg_incremental.sequence import load_sequence
from mmseg_incremental.utils.console import print_table
from mmseg_incremental.utils.table import Column, Table, write_table

from .tables import TABLE1, TABLE1_ROW

_ATTEMPTS = (
    Column('attempt'),
    Column('batch'),
    Column('crop'),
    Column('memory paper', format='.0%'),
    Column('memory ours', format='.0%'),
    Column('images/s', format='.1f'),
)
_LARGEST = (
    Column('crop'),
    Column('largest batch'),
    Column('memory', format='.0%'),
    Column('images/s', format='.1f'),
)


def reproduce_table1(memory_gb: float | None, stem: Path, console: Console) -> list[Path]:
    """Measure the paper's attempts, then find the largest batch for every crop size.

    Args:
        memory_gb: Memory budget in GB of 2**30 bytes; None is all of the GPU.
        stem: Path of the tables without suffix.
        console: Where to tell how far it is.

    Returns:
        The files.

    Raises:
        InputError: If there is neither a GPU nor a budget.
    """
    budget_gb = memory_budget(memory_gb)
    cfg = load_sequence(TABLE1_ROW.config, TABLE1_ROW.options).step(0).config
    attempts = _attempts(cfg, budget_gb, console)
    print_table(console, attempts)
    largest = _largest(cfg, budget_gb, console)
    print_table(console, largest)
    return [
        *write_table(attempts, stem),
        *write_table(largest, stem.with_name(f'{stem.name}_largest')),
    ]


def _attempts(cfg: Config, budget_gb: float, console: Console) -> Table:
    rows = []
    for attempt, (batch, crop, share) in enumerate(TABLE1, 1):
        found = try_batch(cfg, crop, batch, budget_gb)
        console.print(f'crop {crop}, batch {batch}: {"fits" if found else "does not fit"}')
        ours = ['does not fit', None]
        if found:
            ours = [found.memory_gb / budget_gb, batch / found.seconds]
        rows.append([attempt, batch, crop, share, *ours])
    return Table(f'Table 1: the attempts of the paper in {budget_gb:.2f} GB', _ATTEMPTS, [rows])


def _largest(cfg: Config, budget_gb: float, console: Console) -> Table:
    rows = []
    for crop in sorted({crop for _, crop, _ in TABLE1}):

        def say(tried: int, measured: object, crop: int = crop) -> None:
            console.print(f'crop {crop}, batch {tried}: {"fits" if measured else "does not fit"}')

        try:
            fit = fit_batch(cfg, crop, budget_gb, on_trial=say)
        except NothingFitsError:
            rows.append([crop, None, 'nothing fits', None])
            continue
        rows.append([crop, fit.batch, fit.share, fit.images_per_second])
    return Table(f'The largest batch in {budget_gb:.2f} GB', _LARGEST, [rows])
