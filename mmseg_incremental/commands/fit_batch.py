"""Find, for each crop size, the largest batch that fits the accelerator."""

import argparse
import sys
from pathlib import Path

from ..utils.arguments import add_cfg_options, command_parser

EPILOG = """Every trial trains a few iterations on random pictures and labels, with the step's
losses and, from step 1 on, the old model of a method that distils. No data and no weights are
needed.

Memory is the peak in GB of 2**30 bytes. On a GPU it is what PyTorch's allocator reserves. Without
a GPU it is the resident memory of the whole training process, Python and its libraries (about
0.9 GB) included. The workers that load pictures are not counted in either case.

examples:
  mmseg-incremental fit-batch bisenet_r101_voc_offline --out table1.csv
  mmseg-incremental fit-batch bisenet_r101_voc_15-5s_mib --step 1 --amp
  mmseg-incremental fit-batch bisenet_r101_voc_offline --memory-gb 4"""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
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
    add_cfg_options(parser, 'replace config entries, such as method=ilt')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    from .. import registration  # noqa: F401  before anything else of mmseg is imported
    from ..experiments.fit_batch import fit_crops, fits_table, memory_budget, place, read_config
    from ..utils.console import get_console, print_table
    from ..utils.files import check_can_be_written
    from ..utils.one_line import one_line_errors

    with one_line_errors():
        cfg = read_config(args.config, args.cfg_options, args.step, args.amp)
        budget_gb = memory_budget(args.memory_gb)
        if args.out:
            check_can_be_written(args.out)
        fits = fit_crops(cfg, args.crops, budget_gb, args.max_batch, args.out)
    if fits:
        title = f'{Path(args.config).stem}, step {args.step}: {budget_gb:.2f} GB on {place()}'
        print_table(get_console(), fits_table(fits, title))
    if len(fits) < len(args.crops):
        sys.exit(1)
