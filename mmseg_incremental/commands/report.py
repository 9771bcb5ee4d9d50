"""Write one self-contained HTML page about a sequence, or about several side by side."""

import argparse

from ..utils.arguments import command_parser

EPILOG = """examples:
  mmseg-incremental report work_dirs/demo/mib --out report.html
  mmseg-incremental report work_dirs/demo/ft work_dirs/demo/mib --out methods.html

Every run writes the page about itself to WORK_DIR/report.html."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
    parser.add_argument('work_dirs', nargs='+', metavar='WORK_DIR', help='work dirs with results')
    parser.add_argument(
        '--out', default='report.html', metavar='FILE', help='(default: %(default)s)'
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    from .. import registration  # noqa: F401  first: what follows is noisier without it
    from ..report import write_report
    from ..utils.files import check_can_be_written
    from ..utils.one_line import one_line_errors

    with one_line_errors():
        check_can_be_written(args.out)
        write_report(args.work_dirs, args.out)
        print(f'wrote {args.out}')
