"""Command-line arguments of the tools that run many trainings."""

import argparse
import re

import torch


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say how runs are trained.

    Args:
        parser: Gets ``--seeds``, ``--base``, ``--jobs``, ``--device`` and ``--dry-run``.
    """
    parser.add_argument(
        '--seeds', type=int, nargs='+', default=[0], help='seeds of every run (default: 0)'
    )
    parser.add_argument(
        '--base',
        metavar='DIR',
        help='take step 0 of every run of several steps from this finished sequence',
    )
    parser.add_argument(
        '--jobs', type=positive, default=1, metavar='N', help='trainings at a time (default: 1)'
    )
    parser.add_argument(
        '--device',
        type=_device,
        help='cpu, cuda or cuda:N (default: the GPUs in turn where there are some)',
    )
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='check everything, list the runs and their iterations, then stop',
    )


def positive(text: str) -> int:
    """A positive whole number of the command line.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'must be a positive whole number, got {text!r}')
    return int(text)


def _device(text: str) -> str:
    found = re.fullmatch(r'cpu|cuda(?::(\d+))?', text)
    if not found:
        raise argparse.ArgumentTypeError(f'must be cpu, cuda or cuda:N, got {text!r}')
    number = torch.cuda.device_count()
    if text != 'cpu' and int(found[1] or 0) >= number:
        raise argparse.ArgumentTypeError(f'{text} is not there; this machine has {number} GPUs')
    return text
