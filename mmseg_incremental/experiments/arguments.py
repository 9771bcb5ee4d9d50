"""Command-line arguments of the commands that run many trainings."""

import argparse
import re

from ..utils.arguments import KeyValues, add_cfg_options, add_quiet, positive


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say how runs are trained.

    Args:
        parser: Gets ``--cfg-options``, ``--seeds``, ``--base``, ``--jobs``, ``--device``,
            ``--executor``, ``--executor-options``, ``--dry-run`` and ``--quiet``.
    """
    add_cfg_options(
        parser,
        'config entries of all runs, such as data_root=DIR; with one that changes results choose '
        'another --work-dir',
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
        action=KeyValues,
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
    add_quiet(parser)


def _device(text: str) -> str:
    if not re.fullmatch(r'cpu|cuda(:\d+)?', text):
        raise argparse.ArgumentTypeError(f'must be cpu, cuda or cuda:N, got {text!r}')
    return text
