"""Make masks of label values from masks of colours."""

import argparse
from pathlib import Path

from ..utils.arguments import command_parser

EPILOG = """example:
  mmseg-incremental convert-colors data/mine/colors data/mine/masks \\
      --label-colors 0=0,0,0 1=128,0,0 2=0,128,0 255=255,255,255"""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
    parser.add_argument('source', type=Path, help='folder of PNG masks in colours')
    parser.add_argument('target', type=Path, help='folder for the masks of values')
    parser.add_argument(
        '--label-colors',
        nargs='+',
        required=True,
        metavar='VALUE=R,G,B',
        help='a colour for every value; 255 is ignored in training',
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    from ..preparation.color_masks import convert_colors, read_colors
    from ..utils.one_line import one_line_errors

    with one_line_errors():
        number = convert_colors(args.source, args.target, read_colors(args.label_colors))
        print(f'{number} masks in {args.target}')
