"""Table 1 of the paper: batch and crop that fill the memory."""

from pathlib import Path

from rich.console import Console

from mmseg_incremental.sequence import load_sequence
from mmseg_incremental.utils.console import print_table
from mmseg_incremental.utils.table import Column, Table, write_table

from .fit_batch import NothingFitsError, fit_batch, memory_budget
from .tables import TABLE1, TABLE1_ROW

_COLUMNS = (
    Column('crop'),
    Column('batch paper'),
    Column('batch ours'),
    Column('diff.', format='+d'),
    Column('memory paper', format='.0%'),
    Column('memory ours', format='.0%'),
    Column('images/s', format='.1f'),
)


def reproduce_table1(
    configs: Path, memory_gb: float | None, stem: Path, console: Console
) -> list[Path]:
    """Find the largest batch for every crop size of the paper and write it beside the paper's.

    Args:
        configs: Folder of the config leaves.
        memory_gb: Memory budget in GB of 2**30 bytes; None is all of the GPU.
        stem: Path of the table without suffix.
        console: Where to tell how far it is.

    Returns:
        The files.

    Raises:
        InputError: If there is neither a GPU nor a budget.
    """
    budget_gb = memory_budget(memory_gb)
    leaf = configs / f'{TABLE1_ROW.config}.py'
    cfg = load_sequence(leaf, TABLE1_ROW.options).step(0).config
    rows = []
    for crop, (batch, share) in sorted(TABLE1.items()):

        def say(tried: int, measured: object, crop: int = crop) -> None:
            console.print(f'crop {crop}, batch {tried}: {"fits" if measured else "does not fit"}')

        try:
            fit = fit_batch(cfg, crop, budget_gb, on_trial=say)
        except NothingFitsError:
            rows.append([crop, batch, None, None, share, 'nothing fits', None])
            continue
        ours = [fit.batch, fit.batch - batch, share, fit.share, fit.images_per_second]
        rows.append([crop, batch, *ours])
    title = f'Table 1: the largest batch in {budget_gb:.2f} GB (the paper tried single batches)'
    table = Table(title, _COLUMNS, [rows])
    print_table(console, table)
    return write_table(table, stem)
