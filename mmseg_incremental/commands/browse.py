"""Draw pictures of a step with their labels, or count what every step labels and hides."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..utils.arguments import add_cfg_options, command_parser, positive

if TYPE_CHECKING:
    from ..sequence import Sequence

EPILOG = """examples:
  mmseg-incremental browse bisenet_r101_voc_15-5s_mib --step 1
  mmseg-incremental browse bisenet_r101_voc_15-5s_mib --statistics

A sheet holds pictures, their full labels, and the labels as the step sees them. The statistics are
pictures and pixels of every class, which old and future classes hide in the background of every
step, and which pictures steps and test have in common: two tables and a picture."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
    parser.add_argument('config', help='config leaf')
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument('--step', type=int, help='the step to draw, counted from 0')
    what.add_argument('--statistics', action='store_true', help='count all steps')
    parser.add_argument(
        '--test', action='store_true', help='pictures and labels of the evaluation after the step'
    )
    parser.add_argument(
        '--number', type=positive, default=24, help='how many pictures (default: 24)'
    )
    parser.add_argument('--rows', type=positive, default=6, help='pictures per sheet (default: 6)')
    parser.add_argument('--out', help='folder for pictures (default: WORK_DIR/browse)')
    add_cfg_options(
        parser, 'replace config entries, such as data_root=DIR setting=disjoint protocol=plop'
    )
    args = parser.parse_args(argv)
    if args.statistics and args.test:
        parser.error('--test is for --step; the statistics are those of training')
    return args


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    from ..apis import load_sequence
    from ..utils.one_line import one_line_errors
    from ..visualization.step_examples import draw_sheets

    with one_line_errors():
        sequence = load_sequence(args.config, args.cfg_options)
        folder = Path(args.out or sequence.work_dir.path / 'browse')
        if args.statistics:
            paths = [show_statistics(sequence, folder)]
        else:
            step = sequence.step(args.step)
            paths = draw_sheets(step, args.test, args.number, args.rows, folder)
        for path in paths:
            print(f'wrote {path}')


def show_statistics(sequence: 'Sequence', folder: Path) -> Path:
    """Print what the pictures of every step hold, and draw it."""
    from ..datasets.background_shift import label_table_of_steps, shift_table
    from ..sequence.step_contents import read_step_contents
    from ..utils.console import get_console, print_table
    from ..visualization import draw_background_shift

    contents = read_step_contents(sequence)
    for table in (label_table_of_steps, shift_table):
        print_table(get_console(), table(sequence.task, contents))
    folder.mkdir(parents=True, exist_ok=True)
    draw_background_shift(sequence.task, contents, folder / 'statistics.png')
    return folder / 'statistics.png'
