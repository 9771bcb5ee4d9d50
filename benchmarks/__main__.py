"""Measure rows of the performance tables: ``python -m benchmarks ROW ...``, or all of them."""

import argparse
import importlib
import pkgutil
import warnings

import torch

from benchmarks import rows
from benchmarks.harness import Result, fit_to_gpu, machine
from mmseg_incremental.utils.console import get_console, print_table
from mmseg_incremental.utils.table import Column, Table

ROWS = sorted(module.name for module in pkgutil.iter_modules(rows.__path__))
_DIGITS = {'s': 4, 'x': 2, 'MB': 0, 'pictures/s': 1}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__)
    parser.add_argument('rows', nargs='*', metavar='ROW', help=f'of {", ".join(ROWS)}; default all')
    parser.add_argument('--threads', type=int, default=2, help='CPU threads (default: 2)')
    parser.add_argument(
        '--rounds', type=int, default=9, help='measured calls, of which the median counts'
    )
    parser.add_argument('--markdown', action='store_true', help='print tables for a document')
    args = parser.parse_args(argv)
    if unknown := sorted(set(args.rows) - set(ROWS)):
        parser.error(f'unknown rows {unknown}; known are {ROWS}')
    return args


def cells(result: Result) -> list[str]:
    """A result as a line of a table."""
    digits = _DIGITS[result.unit]
    values = [result.ours, result.reference]
    shown = ['' if v is None else f'{v:.{digits}f} {result.unit}' for v in values]
    ratio = '' if result.ratio is None else f'{result.ratio:.2f}'
    return [result.case, *shown, ratio, result.note]


def show(name: str, results: list[Result], description: str, markdown: bool) -> None:
    """Print the table of a row."""
    if not results:
        print(f'{name}: not measured, there is no CUDA device\n')
        return
    columns = [Column(name, 'left'), *map(Column, ('ours', 'reference', 'ratio'))]
    table = Table(description, [*columns, Column('', 'left')], [list(map(cells, results))])
    if markdown:
        print(table.markdown() + '\n')
    else:
        print_table(get_console(), table)


def main(argv: list[str] | None = None) -> None:
    """Measure."""
    args = parse_args(argv)
    torch.set_num_threads(args.threads)
    fit_to_gpu()
    warnings.filterwarnings('ignore')
    print(machine(), flush=True)
    for name in args.rows or ROWS:
        module = importlib.import_module(f'benchmarks.rows.{name}')
        results = module.measure(args.rounds)
        show(name, results, module.__doc__.strip(), args.markdown)


if __name__ == '__main__':
    main()
