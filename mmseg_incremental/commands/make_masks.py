"""Make masks of label values from COCO or labelme files, colours, or a folder for each class."""

import argparse
from pathlib import Path

from ..utils.arguments import command_parser

EPILOG = """examples:
  mmseg-incremental make-masks data/mine/annotations.json data/mine/label_masks
  mmseg-incremental make-masks data/mine/colors data/mine/label_masks \\
      --label-colors 0=0,0,0 1=128,0,0 2=0,128,0 255=255,255,255

SOURCE is a file of COCO; or a folder of JSON files of labelme, of PNG masks in colours, or of
folders of binary PNG masks that are called as their class. 0 is what is not annotated, 1 the first
class, 255 is ignored in training; it is printed which class has which value."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
    parser.add_argument('source', metavar='SOURCE', type=Path, help='the annotations')
    parser.add_argument('target', metavar='TARGET', type=Path, help='folder for the masks')
    parser.add_argument(
        '--label-colors',
        nargs='+',
        metavar='VALUE=R,G,B',
        help='the colour of every value (default: the colours that occur, from value 0 on)',
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    from ..preparation.mask_sources import find_mask_source, read_colors, write_masks
    from ..utils.one_line import one_line_errors

    with one_line_errors():
        colors = read_colors(args.label_colors) if args.label_colors else None
        source = find_mask_source(args.source, colors)
        number = write_masks(source, args.target)
        print(f'{source.kind}: {number} masks in {args.target}')
        print('classes: ' + ', '.join(f'{name} = {v}' for name, v in source.classes.items()))
