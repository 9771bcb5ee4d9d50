"""Look at a folder of pictures and masks: what is in it, and the config lines that use it."""

import argparse
from pathlib import Path

from ..utils.arguments import command_parser

EPILOG = """example:
  mmseg-incremental inspect data/mine

Masks are 8-bit PNG files with one channel, grey or with a palette. It is told which values occur,
whether they seem to begin at 0 or at 1, and what can be trained on at once."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
    parser.add_argument('root', type=Path, help='the folder')
    parser.add_argument('--split', help='folder or list of a split, such as train')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    from .. import registration  # noqa: F401  before anything else of mmseg is imported
    from ..preparation.folder import describe_folder
    from ..utils.one_line import one_line_errors

    with one_line_errors():
        describe_folder(args.root, args.split)
