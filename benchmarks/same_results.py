"""Train the demo sequence with the fast path on and off, and compare the tables.

With --base they go on from one step 0, as all methods of a task may. A third training, on the
plain path with two threads, shows what another order of summation alone does: from random weights
the slightest difference of rounding grows until two trainings end as two other trainings.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import torch
from mmseg.models.data_preprocessor import SegDataPreProcessor

from mmseg_incremental.apis import RunOptions, load_sequence, run_sequence
from mmseg_incremental.evaluation import SequenceResults
from mmseg_incremental.sequence import WorkDir

CONFIG = Path(__file__).parent.parent / 'configs' / 'bisenet_r18_shapes_4-1_mib.py'


class Training(NamedTuple):
    """One way to train the sequence."""

    fast_path: bool
    num_threads: int


TRAININGS = {
    'plain': Training(fast_path=False, num_threads=1),
    'fast': Training(fast_path=True, num_threads=1),
    'plain with two threads': Training(fast_path=False, num_threads=2),
}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.same_results', description=__doc__)
    parser.add_argument('--data-root', default='data/shapes')
    parser.add_argument('--work-dir', default='work_dirs/same_results')
    parser.add_argument('--dtype', choices=['float32', 'float64'], default='float64')
    parser.add_argument('--base', help='work dir of the demo, whose step 0 all take')
    parser.add_argument(
        '--frozen-norm',
        action='store_true',
        help='the later steps keep the batch normalisation of step 0',
    )
    parser.add_argument('--only', choices=TRAININGS, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


class PreciseDataPreProcessor(SegDataPreProcessor):
    """mmseg's preprocessor, which always gives float32, in the precision of the training."""

    def forward(self, data: dict, training: bool = False) -> dict:
        """Preprocess a batch."""
        data = super().forward(data, training)
        return dict(data, inputs=data['inputs'].to(torch.get_default_dtype()))


def work_dir(args: argparse.Namespace, name: str) -> Path:
    """Folder of a training, one for each setting."""
    origin = 'from_base' if args.base else 'from_random_weights'
    origin += '_frozen_norm' * args.frozen_norm
    return Path(args.work_dir, args.dtype, origin, name.replace(' ', '_'))


def train(args: argparse.Namespace, name: str) -> None:
    """Train the sequence in one of the ways."""
    torch.set_default_dtype(getattr(torch, args.dtype))
    options = {
        'data_root': args.data_root,
        'fast_path': TRAININGS[name].fast_path,
        'step_schedule.later.freeze_norm': args.frozen_norm,
        'model.data_preprocessor.type': PreciseDataPreProcessor,
    }
    sequence = load_sequence(CONFIG, options, work_dir(args, name))
    run_sequence(sequence, RunOptions(resume=True, base=args.base))


def start(args: argparse.Namespace, name: str) -> subprocess.Popen:
    """Start a training in a process that uses its number of threads."""
    command = [sys.executable, '-m', 'benchmarks.same_results', '--data-root', args.data_root]
    command += ['--work-dir', args.work_dir, '--dtype', args.dtype, '--only', name]
    command += ['--frozen-norm'] * args.frozen_norm
    if args.base:
        command += ['--base', args.base]
    environment = {**os.environ, 'OMP_NUM_THREADS': str(TRAININGS[name].num_threads)}
    return subprocess.Popen(command, env=environment)


def compare(args: argparse.Namespace) -> None:
    """Print the tables beside each other and how far they are from the plain one."""
    found = {
        name: SequenceResults.load(WorkDir(work_dir(args, name)).results).steps
        for name in TRAININGS
    }
    largest = dict.fromkeys(TRAININGS, 0.0)
    for step, result in found['plain'].items():
        for group, plain in result['mIoU'].items():
            values = {name: steps[step]['mIoU'][group] for name, steps in found.items()}
            largest = {name: max(largest[name], abs(values[name] - plain)) for name in TRAININGS}
            shown = ', '.join(f'{name} {value:.4f}' for name, value in values.items())
            print(f'step {step}, mIoU of {group}: {shown}')
    for name in TRAININGS:
        print(f'{args.dtype}, largest difference of {name}: {largest[name]:.2g} points')


def main(argv: list[str] | None = None) -> None:
    """Train in all ways, on two cores, and compare."""
    args = parse_args(argv)
    if args.only:
        train(args, args.only)
        return
    for together in (['plain', 'fast'], ['plain with two threads']):
        runs = [start(args, name) for name in together]
        codes = [run.wait() for run in runs]
        if any(codes):
            sys.exit(f'error: a training failed: {", ".join(together)}')
    compare(args)


if __name__ == '__main__':
    main()
