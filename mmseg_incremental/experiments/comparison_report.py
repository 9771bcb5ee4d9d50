"""A comparison of methods as files: the table with its verdicts, and a picture."""

from collections.abc import Sequence
from pathlib import Path

from ..utils.console import get_console, print_table
from ..utils.table import write_table
from ..visualization import draw_old_new_plot
from .criteria import EXPECTED, answers
from .method_comparison import JOINT, MethodResult, method_table


def write_report(title: str, results: Sequence[MethodResult], command: str, stem: Path) -> None:
    """Write and print the table with its verdicts, and draw the picture.

    Args:
        title: What is compared.
        results: What the methods reached.
        command: The command line, which stands below the table.
        stem: Path of the files without suffix.

    Raises:
        OSError: If the folder cannot be written.
    """
    console = get_console()
    table = method_table(title, results, [*answers(EXPECTED, results), f'Command: `{command}`'])
    picture = stem.with_suffix('.png')
    files = write_table(table, stem, picture=picture.name)
    points = {r.label: list(zip(r.values['old'], r.values['new'], strict=True)) for r in results}
    draw_old_new_plot(points, JOINT, title, picture)
    print_table(console, table)
    for path in [*files, picture]:
        console.print(f'wrote {path}', soft_wrap=True)
