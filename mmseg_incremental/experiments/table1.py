"""Table 1 of the paper: batch and crop that fill the memory."""

from pathlib import Path

from prettytable import PrettyTable, TableStyle
from rich.console import Console

from ..engine import load_config
from ..utils.files import write_atomically
from .fit_batch import NothingFitsError, fit_batch, memory_budget
from .paper import TABLE1


def reproduce_table1(
    config: Path, memory_gb: float | None, stem: Path, console: Console
) -> list[Path]:
    """Find the largest batch for every crop size of the paper and write it beside the paper's.

    Args:
        config: Config leaf.
        memory_gb: Memory budget in GB of 2**30 bytes; None is all of the GPU.
        stem: Path of the table without suffix.
        console: Where to tell how far it is.

    Returns:
        The files.

    Raises:
        InputError: If there is neither a GPU nor a budget.
    """
    budget_gb = memory_budget(memory_gb)
    cfg = load_config(config)
    head = ['crop', 'batch paper', 'batch ours', 'diff.', 'memory paper', 'memory ours', 'images/s']
    table = PrettyTable(head)
    table.align = 'r'
    for crop, (batch, share) in sorted(TABLE1.items()):

        def say(tried: int, measured: object, crop: int = crop) -> None:
            console.print(f'crop {crop}, batch {tried}: {"fits" if measured else "does not fit"}')

        try:
            fit = fit_batch(cfg, crop, budget_gb, on_trial=say)
        except NothingFitsError:
            table.add_row([crop, batch, '-', '-', f'{share} %', 'nothing fits', '-'])
            continue
        ours = [fit.batch, f'{fit.batch - batch:+d}', f'{share} %', f'{100 * fit.share:.0f} %']
        table.add_row([crop, batch, *ours, f'{fit.images_per_second:.1f}'])
    title = f'Table 1: the largest batch in {budget_gb:.2f} GB (the paper tried single batches)'
    texts = {'.txt': f'{title}\n{table.get_string()}\n'}
    console.print(texts['.txt'], soft_wrap=True)
    texts['.csv'] = table.get_csv_string(lineterminator='\n')
    table.set_style(TableStyle.MARKDOWN)
    texts['.md'] = f'# {title}\n\n{table.get_string()}\n'
    stem.parent.mkdir(parents=True, exist_ok=True)
    for suffix, text in texts.items():
        write_atomically(stem.with_suffix(suffix), text)
    return [stem.with_suffix(suffix) for suffix in texts]
