"""The terminal that results are printed to."""

import sys

from rich.console import Console


def get_console() -> Console:
    """Console as wide as the terminal; wide enough for the tables in a pipe or a log file."""
    return Console(width=None if sys.stdout.isatty() else 120, highlight=False)
