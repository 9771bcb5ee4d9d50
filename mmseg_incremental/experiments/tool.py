"""What the commands that run many trainings do alike."""

import argparse
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError
from ..utils.console import get_console, print_table
from ..utils.one_line import one_line_errors
from ..utils.quiet import quiet
from .cluster import Cluster
from .job import Place
from .run import PlannedRun
from .sweep import check_weights, jobs_table, note_missing_weights, plan_jobs, run_sweep
from .this_machine import ThisMachine


@contextmanager
def ending_in_one_line(silent: bool) -> Iterator[None]:
    """Let a command end in one line at wrong input, SIGTERM and Ctrl-C; its trainings can go on.

    Args:
        silent: Whether nothing else is printed.

    Raises:
        SystemExit: In place of such an error.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with one_line_errors('interrupted; the same command goes on'), quiet(silent):
        yield


def train_planned(
    planned: Sequence[PlannedRun], root: Path, args: argparse.Namespace
) -> dict[str, str] | None:
    """Show what is to be trained, and train it.

    Args:
        planned: The runs.
        root: Folder of all runs.
        args: Parsed arguments of :func:`~.arguments.add_run_arguments`.

    Returns:
        Name of a run to what went wrong; None of a dry run, which only shows.

    Raises:
        InputError: If weights are missing, or the executor cannot be used.
    """
    console, place = get_console(), _place(args)
    jobs = plan_jobs(planned, root, Path(args.base) if args.base else None)
    print_table(console, jobs_table(planned, jobs))
    if args.dry_run:
        note_missing_weights(planned)
        return None
    check_weights(planned)
    return run_sweep(planned, jobs, console, args.jobs, place)


def end(failures: Mapping[str, str], number: int) -> None:
    """Exit with an error if runs failed.

    Args:
        failures: Name of a run to what went wrong.
        number: Number of all runs.

    Raises:
        SystemExit: If one failed.
    """
    if failures:
        sys.exit(f'error: {len(failures)} of {number} runs failed; their logs say why')


def _place(args: argparse.Namespace) -> Place:
    if args.executor != 'this-machine':
        return Cluster(args.executor, args.executor_options)
    if args.executor_options:
        raise InputError('--executor-options needs --executor slurm')
    return ThisMachine(args.device)
