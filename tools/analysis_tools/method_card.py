"""Print which moments of a sequence a method uses, and what it costs beside fine-tuning."""

import argparse
import tempfile
from pathlib import Path

import mmseg_incremental.utils.early_interrupt  # noqa: F401  what follows takes seconds
from mmseg_incremental.apis import load_sequence
from mmseg_incremental.experiments.method_cost import MethodCost, method_costs
from mmseg_incremental.methods.method import Method
from mmseg_incremental.utils.console import get_console, print_table
from mmseg_incremental.utils.one_line import one_line_errors
from mmseg_incremental.utils.quiet import quiet
from mmseg_incremental.utils.table import Column, Table

LEAF = Path(__file__).resolve().parents[2] / 'configs' / 'bisenet_r18_shapes_4-1_mib.py'
EPILOG = """examples:
  python tools/analysis_tools/method_card.py plop
  python tools/analysis_tools/method_card.py plop --cost --data-root data/shapes"""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('method', help='file of configs/_base_/methods, such as plop')
    parser.add_argument(
        '--cost',
        action='store_true',
        help='train a dozen iterations of step 1 with it and with fine-tuning, in turns',
    )
    parser.add_argument('--config', default=str(LEAF), help='leaf to try it on (the shapes demo)')
    parser.add_argument('--data-root', help='folder of the data (default: that of the leaf)')
    parser.add_argument(
        '--rounds', type=int, default=3, help='trainings of each, of which the fastest counts (3)'
    )
    return parser.parse_args(argv)


def moments_table(method: Method) -> Table:
    """A row per moment that the method uses: what acts there, with its arguments."""
    rows = [[moment, part] for moment, parts in method.moments().items() for part in parts]
    columns = [Column('moment', 'left'), Column('part', 'left')]
    return Table(f'{method.name}: what acts when', columns, [rows])


def cost_table(name: str, costs: dict[str, MethodCost]) -> Table:
    """The method beside fine-tuning."""
    columns = [
        Column('', 'left'),
        Column('s / iteration', format='.3f'),
        Column('relative', format='.2f'),
        Column('memory MB', format='.0f'),
        Column('relative ', format='.2f'),
        Column('old passes', format='g'),
        Column('surveyed'),
        Column('learns', format=',d'),
    ]
    base = costs['ft']
    rows = [
        [
            label,
            cost.seconds,
            cost.seconds / base.seconds,
            cost.memory_mb,
            cost.memory_mb / base.memory_mb,
            cost.old_passes,
            cost.survey_pictures,
            cost.trainable,
        ]
        for label, cost in costs.items()
    ]
    notes = ['Peak memory beyond the process before the step; passes per iteration.']
    return Table(f'{name}: what step 1 costs on this machine', columns, [rows], notes)


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(argv)
    console = get_console()
    with one_line_errors():
        options = {'data_root': args.data_root} if args.data_root else {}
        sequence = load_sequence(args.config, {**options, 'method': args.method})
        print_table(console, moments_table(sequence.method))
        if args.cost:
            names = dict.fromkeys(['ft', args.method])
            with tempfile.TemporaryDirectory() as folder, quiet():
                costs = method_costs(args.config, list(names), options, Path(folder), args.rounds)
            print_table(console, cost_table(sequence.method.name, costs))


if __name__ == '__main__':
    main()
