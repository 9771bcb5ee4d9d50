"""The page as one file that needs nothing else."""

import os
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from ..utils.files import write_atomically
from .comparison import comparison
from .run import ReportRun
from .sections import sections


def write_report(work_dirs: Sequence[str | os.PathLike], out: str | os.PathLike) -> None:
    """Write one HTML page about one sequence or several.

    Pictures and plots are within it, nothing is loaded from anywhere, and it follows the
    browser's choice of light or dark.

    Args:
        work_dirs: One is told in full; several are compared, and then each is told.
        out: The file.

    Raises:
        InputError: If a work dir has no results, or a file in it is damaged.
        OSError: If the file cannot be written.
    """
    runs = [
        ReportRun.read(path, name) for path, name in zip(work_dirs, _names(work_dirs), strict=True)
    ]
    environment = Environment(
        loader=PackageLoader('mmseg_incremental.report', '.'),
        autoescape=select_autoescape(['html', 'j2']),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template('template.html.j2').render(
        title=_title(runs),
        comparison=comparison(runs) if len(runs) > 1 else [],
        runs=[(run, sections(run)) for run in runs],
        single=len(runs) == 1,
    )
    write_atomically(out, text)


def _names(work_dirs: Sequence[str | os.PathLike]) -> list[str]:
    """The last parts of the paths that tell them apart."""
    parts = [Path(path).resolve().parts for path in work_dirs]
    for length in range(1, max(map(len, parts))):
        names = ['/'.join(one[-length:]) for one in parts]
        if len(set(names)) == len(set(parts)):
            return names
    return list(map(str, work_dirs))


def _title(runs: Sequence[ReportRun]) -> str:
    names = dict.fromkeys(run.method for run in runs)
    tasks = dict.fromkeys(
        f'{run.results.sequence["dataset"]} {run.results.sequence["task"]}' for run in runs
    )
    return f'{", ".join(names)} on {", ".join(tasks)}'
