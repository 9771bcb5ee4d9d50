"""Render a small segmentation data set of geometric shapes in the layout of Pascal VOC."""

import argparse

from ..utils.arguments import command_parser

EPILOG = """example:
  mmseg-incremental make-shapes data/shapes

Every picture shows two to four different shapes: 1 disc, 2 square, 3 triangle, 4 star, 5 ring,
6 cross; 0 is background, 255 void. The same seed gives the same pictures."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
    parser.add_argument('out_dir', help='folder to make')
    parser.add_argument('--num-train', type=int, default=400, help='training pictures (400)')
    parser.add_argument('--num-val', type=int, default=60, help='validation pictures (60)')
    parser.add_argument('--size', type=int, default=96, help='height and width in pixels (96)')
    parser.add_argument('--seed', type=int, default=0, help='seed of the random numbers (0)')
    parser.add_argument('--force', action='store_true', help='replace a data set that is there')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    from ..preparation.shapes import make_shapes
    from ..utils.one_line import one_line_errors

    with one_line_errors():
        make_shapes(**vars(args))
        print(f'{args.num_train} training and {args.num_val} validation pictures in {args.out_dir}')
