"""Command-line arguments of the tools that run many trainings."""

import argparse
import re

import torch
from mmengine.config import DictAction

from ..errors import InputError
from .cluster import Cluster
from .job import Place
from .this_machine import ThisMachine


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say how runs are trained.

    Args:
        parser: Gets ``--cfg-options``, ``--seeds``, ``--base``, ``--jobs``, ``--device``,
            ``--executor``, ``--executor-options`` and ``--dry-run``.
    """
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        metavar='KEY=VALUE',
        help='config entries of all runs, such as data_root=DIR; with one that changes results '
        'choose another --work-dir',
    )
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
        '--executor',
        choices=['this-machine', 'slurm', 'local', 'debug'],
        default='this-machine',
        help='slurm submits every training to a cluster through submitit (its local and debug '
        'executors are for trying that out); a preempted training is queued again and resumes',
    )
    parser.add_argument(
        '--executor-options',
        nargs='+',
        action=DictAction,
        default={},
        metavar='KEY=VALUE',
        help="what submitit's executor takes, such as timeout_min=600 gpus_per_node=1 "
        'slurm_partition=gpu',
    )
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='check everything, list the runs and their iterations, then stop',
    )


def chosen_place(args: argparse.Namespace) -> Place:
    """Where the trainings run.

    Args:
        args: Parsed arguments of :func:`add_run_arguments`.

    Raises:
        InputError: If the executor or one of its options cannot be used.
    """
    if args.executor == 'this-machine':
        if args.executor_options:
            raise InputError('--executor-options needs --executor slurm')
        return ThisMachine(args.device)
    return Cluster(args.executor, args.executor_options)


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
