"""The terminal that results are printed to."""

import sys

from rich.console import Console

from .table import WIDTH, Table


def get_console() -> Console:
    """Console as wide as the terminal; wide enough for the tables in a pipe or a log file.

    What is printed is shown as it is: brackets in a path are no markup.
    """
    width = None if sys.stdout.isatty() else WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False)


def print_table(console: Console, table: Table) -> None:
    """Print a table as wide as the console; lines that cannot be folded are not cut."""
    console.print(table.text(console.width), soft_wrap=True)
