"""Print which moments of a sequence a method uses, and what it costs beside fine-tuning."""

import argparse
import tempfile
from pathlib import Path

from ..utils.arguments import command_parser, positive

EPILOG = """examples:
  mmseg-incremental method-card plop
  mmseg-incremental method-card plop --cost --data-root data/shapes"""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
    parser.add_argument('method', help='file of configs/_base_/methods, such as plop')
    parser.add_argument(
        '--cost',
        action='store_true',
        help='train a dozen iterations of step 1 with it and with fine-tuning, in turns',
    )
    parser.add_argument(
        '--config', default='bisenet_r18_shapes_4-1_mib', help='leaf to try it on (the shapes demo)'
    )
    parser.add_argument('--data-root', help='folder of the data (default: that of the leaf)')
    parser.add_argument(
        '--rounds',
        type=positive,
        default=3,
        help='trainings of each, of which the fastest counts (3)',
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    from ..apis import load_sequence
    from ..experiments.method_card import cost_table, moments_table
    from ..experiments.method_cost import method_costs
    from ..utils.console import get_console, print_table
    from ..utils.one_line import one_line_errors
    from ..utils.quiet import quiet

    with one_line_errors():
        options = {'data_root': args.data_root} if args.data_root else {}
        method = load_sequence(args.config, {**options, 'method': args.method}).method
        print_table(get_console(), moments_table(method))
        if args.cost:
            names = dict.fromkeys(['ft', args.method])
            with tempfile.TemporaryDirectory() as folder, quiet():
                costs = method_costs(args.config, list(names), options, Path(folder), args.rounds)
            print_table(get_console(), cost_table(method.name, costs))
