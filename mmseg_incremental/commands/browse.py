"""Draw pictures of a step: the picture, its full label, and the label as the step sees it."""

import argparse
from pathlib import Path

from ..utils.arguments import add_cfg_options, command_parser, positive

EPILOG = """example:
  mmseg-incremental browse bisenet_r101_voc_15-5s_mib --step 1"""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
    parser.add_argument('config', help='config leaf')
    parser.add_argument('--step', type=int, required=True, help='the step, counted from 0')
    parser.add_argument(
        '--test', action='store_true', help='pictures and labels of the evaluation after the step'
    )
    parser.add_argument(
        '--number', type=positive, default=24, help='how many pictures (default: 24)'
    )
    parser.add_argument('--rows', type=positive, default=6, help='pictures per sheet (default: 6)')
    parser.add_argument('--out', help='folder for the sheets (default: WORK_DIR/browse)')
    add_cfg_options(
        parser, 'replace config entries, such as data_root=DIR setting=disjoint protocol=plop'
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    from ..apis import load_sequence
    from ..utils.one_line import one_line_errors
    from ..visualization.step_examples import draw_sheets

    with one_line_errors():
        sequence = load_sequence(args.config, args.cfg_options)
        folder = Path(args.out or sequence.work_dir.path / 'browse')
        step = sequence.step(args.step)
        for path in draw_sheets(step, args.test, args.number, args.rows, folder):
            print(f'wrote {path}')
