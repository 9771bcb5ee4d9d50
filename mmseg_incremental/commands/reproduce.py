"""Regenerate a table or figure of the paper, and print the paper's values beside ours."""

import argparse
import importlib
import sys

from ..experiments.arguments import add_run_arguments
from ..utils.arguments import command_parser, typed_command
from ..utils.shipped import shipped

EPILOG = """examples:
  mmseg-incremental reproduce table4 --data-root data/VOC2012 --seeds 0 1 2
  mmseg-incremental reproduce table4 --schedule short --data-root data/VOC2012 --dry-run
  mmseg-incremental reproduce table5 --schedule short --data-root data/VOC2012
  mmseg-incremental reproduce table1 --memory-gb 4
  mmseg-incremental reproduce fixed_channels --schedule short --data-root data/VOC2012
  mmseg-incremental reproduce figure8

Tables 4 and 5 use the disjoint setting, the default of the paper's code and of MiB's. The schedule
"paper" is the paper's own recipe. "short" is for a machine without a GPU: cat, dog,
horse and person, then cow and sheep at once or one by one, ResNet-18, crop 128. The same command
goes on after an interruption; step 0 is trained once for all methods of a task, and tables share
the runs that they have in common. The ImageNet weights are those that the configs name, such as
weights/resnet18_in1k.pth, which mmseg-incremental download-weights fetches, or
--backbone-weights FILE."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
    items = ['table1', 'table2', 'table3', 'table4', 'table5', 'fixed_channels', 'figure8']
    parser.add_argument('item', choices=items, help='what to regenerate')
    parser.add_argument('--data-root', help='folder of Pascal VOC (default: that of the configs)')
    parser.add_argument(
        '--schedule', choices=['paper', 'short'], default='paper', help='default: paper'
    )
    parser.add_argument('--work-dir', help='folder (default: work_dirs/reproduce_SCHEDULE)')
    parser.add_argument(
        '--backbone-weights',
        metavar='FILE',
        help='ImageNet weights in place of those that the configs name; None for random weights',
    )
    parser.add_argument(
        '--memory-gb', type=float, help='table1: memory budget; needed where there is no GPU'
    )
    add_run_arguments(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    # what belongs to a paper stands beside the package, which knows nothing of it
    sys.path.insert(0, str(shipped('projects')))
    from .. import registration  # noqa: F401  before anything else of mmseg is imported
    from ..experiments.tool import ending_in_one_line

    project = importlib.import_module('incremental_bisenet.reproduce')
    with ending_in_one_line(args.quiet):
        project.reproduce(args, typed_command(__name__, argv))
