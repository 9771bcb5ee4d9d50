"""Find, for each crop size, the largest batch that fits the accelerator."""

import argparse
import sys
from pathlib import Path

import torch
from mmengine.config import Config, DictAction

from mmseg_incremental.apis import load_sequence
from mmseg_incremental.errors import InputError
from mmseg_incremental.utils.console import get_console, print_table
from mmseg_incremental.utils.files import write_atomically

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'projects'))

from incremental_bisenet.fit_batch import (
    BatchFit,
    NothingFitsError,
    fit_batch,
    fits_table,
    memory_budget,
)
from incremental_bisenet.training_trial import Measurement

EPILOG = """Every trial trains a few iterations on random pictures and labels, with the step's
losses and, from step 1 on, the old model of a method that distils. No data and no weights are
needed.

Memory is the peak in GB of 2**30 bytes. On a GPU it is what PyTorch's allocator reserves. Without
a GPU it is the resident memory of the whole training process, Python and its libraries (about
0.9 GB) included. The workers that load pictures are not counted in either case.

examples:
  python tools/analysis_tools/fit_batch.py configs/bisenet_r101_voc_offline.py --out table1.csv
  python tools/analysis_tools/fit_batch.py configs/bisenet_r101_voc_15-5s_mib.py --step 1 --amp
  python tools/analysis_tools/fit_batch.py configs/bisenet_r101_voc_offline.py --memory-gb 4"""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config leaf')
    parser.add_argument(
        '--crops',
        type=int,
        nargs='+',
        default=[320, 344, 368, 392, 512],
        metavar='PIXELS',
        help="crop sizes (default: the paper's 320 344 368 392 512)",
    )
    parser.add_argument(
        '--memory-gb',
        type=float,
        metavar='G',
        help='memory that training may use (default: all of the GPU; required without one, where '
        'it limits the whole process)',
    )
    parser.add_argument('--step', type=int, default=0, metavar='T', help='the step (default: 0)')
    parser.add_argument(
        '--max-batch', type=int, default=1024, metavar='N', help='largest batch (default: 1024)'
    )
    parser.add_argument('--amp', action='store_true', help='mixed precision (needs a GPU)')
    parser.add_argument('--out', metavar='FILE.csv', help='also write the table to this file')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='replace config entries, such as method=ilt',
    )
    return parser.parse_args(argv)


def fit_crops(args: argparse.Namespace, cfg: Config, budget_gb: float) -> list[BatchFit]:
    """Find the batch of every crop size; a crop that does not fit leaves the others alone.

    Args:
        args: The command line.
        cfg: Config of the step.
        budget_gb: Memory in GB of 2**30 bytes.

    Returns:
        The crops that fit, in the order of the command line; written to ``--out`` each time one
        is found.
    """
    found = []
    for crop in args.crops:

        def say(batch: int, measured: Measurement | None, crop: int = crop) -> None:
            outcome = 'does not fit'
            if measured:
                outcome = (
                    f'fits, {measured.memory_gb:.2f} of {budget_gb:.2f} GB, '
                    f'{batch / measured.seconds:.1f} images/s'
                )
            print(f'crop {crop}, batch {batch}: {outcome}', flush=True)

        try:
            found.append(fit_batch(cfg, crop, budget_gb, args.max_batch, say))
        except NothingFitsError as error:
            print(f'error: {error}', file=sys.stderr, flush=True)
        if args.out:
            write_atomically(args.out, fits_table(found, args.config).csv())
    return found


def read_config(args: argparse.Namespace) -> Config:
    """Config of the step to measure.

    Raises:
        InputError: If the config cannot be used, or there is no such step.
    """
    options = dict(args.cfg_options or {})
    if args.amp:
        if not torch.cuda.is_available():
            raise InputError('--amp needs a GPU, and there is none')
        options |= {'optim_wrapper.type': 'AmpOptimWrapper', 'optim_wrapper.loss_scale': 'dynamic'}
    return load_sequence(args.config, options).step(args.step).config


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(argv)
    try:
        cfg = read_config(args)
        budget_gb = memory_budget(args.memory_gb)
        if args.out and not Path(args.out).parent.is_dir():
            raise InputError(f'--out {args.out}: its folder does not exist; make it first')
        fits = fit_crops(args, cfg, budget_gb)
    except (InputError, OSError) as error:
        sys.exit(f'error: {error}')
    except KeyboardInterrupt:
        sys.exit('interrupted')
    if fits:
        device = torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU'
        title = f'{Path(args.config).stem}, step {args.step}: {budget_gb:.2f} GB on {device}'
        print_table(get_console(), fits_table(fits, title))
    if len(fits) < len(args.crops):
        sys.exit(1)


if __name__ == '__main__':
    main()
