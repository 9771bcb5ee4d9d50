"""Train the demo sequence with the fast path on and off, and compare the two tables.

At the demo's learning rate the slightest difference of rounding grows a millionfold in a hundred
iterations, also in float64: two trainings with other rounding end as two other trainings. At a
tenth of it, the default here, and in float64 what is left is what the two paths compute.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import torch
from mmseg.models.data_preprocessor import SegDataPreProcessor

from mmseg_incremental.apis import load_config, run_sequence
from mmseg_incremental.evaluation import SequenceResults

CONFIG = Path(__file__).parent.parent / 'configs' / 'bisenet_r18_shapes_4-1_mib.py'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.same_results', description=__doc__)
    parser.add_argument('--data-root', default='data/shapes')
    parser.add_argument('--work-dir', default='work_dirs/same_results')
    parser.add_argument('--dtype', choices=['float32', 'float64'], default='float64')
    parser.add_argument(
        '--lr-factor', type=float, default=0.1, help="factor of the demo's learning rates"
    )
    parser.add_argument('--fast-path', choices=['on', 'off'], help='train one of the two only')
    return parser.parse_args(argv)


class PreciseDataPreProcessor(SegDataPreProcessor):
    """mmseg's preprocessor, which always gives float32, in the precision of the training."""

    def forward(self, data: dict, training: bool = False) -> dict:
        """Preprocess a batch."""
        data = super().forward(data, training)
        return dict(data, inputs=data['inputs'].to(torch.get_default_dtype()))


def work_dir(args: argparse.Namespace, fast_path: str) -> str:
    """Folder of a training, one for each setting."""
    return f'{args.work_dir}/{args.dtype}_{args.lr_factor}_{fast_path}'


def train(args: argparse.Namespace) -> None:
    """Train the sequence on one of the two paths."""
    torch.set_default_dtype(getattr(torch, args.dtype))
    options = {'data_root': args.data_root, 'fast_path': args.fast_path == 'on'}
    cfg = load_config(CONFIG, options, work_dir(args, args.fast_path))
    cfg.model.data_preprocessor.type = PreciseDataPreProcessor
    for part in cfg.step_schedule.values():
        part.lr *= args.lr_factor
    run_sequence(cfg, resume=True)


def compare(args: argparse.Namespace) -> None:
    """Print both tables and their largest difference."""
    found = [
        SequenceResults.load(f'{work_dir(args, path)}/results.json').steps for path in ('on', 'off')
    ]
    largest = 0.0
    for step, result in found[0].items():
        for group, value in result['mIoU'].items():
            other = found[1][step]['mIoU'][group]
            largest = max(largest, abs(value - other))
            print(f'step {step}, mIoU of {group}: {value:.4f} with, {other:.4f} without')
    print(f'largest difference: {largest:.2g} points ({args.dtype})')


def main(argv: list[str] | None = None) -> None:
    """Train both at once, one core each, and compare."""
    args = parse_args(argv)
    if args.fast_path:
        train(args)
        return
    command = [sys.executable, '-m', 'benchmarks.same_results', '--data-root', args.data_root]
    command += ['--work-dir', args.work_dir, '--dtype', args.dtype]
    command += ['--lr-factor', str(args.lr_factor), '--fast-path']
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    runs = [subprocess.Popen([*command, path], env=environment) for path in ('on', 'off')]
    codes = [run.wait() for run in runs]
    if any(codes):
        sys.exit('error: a training failed')
    compare(args)


if __name__ == '__main__':
    main()
