"""Write a finished step as one file for inference with PyTorch alone."""

import argparse
import os

from ..utils.arguments import command_parser

EPILOG = """examples:
  mmseg-incremental export WORK_DIR WORK_DIR/step_1.pth step_1.pt2
  mmseg-incremental export step_1.py step_1.pth step_1.pt2 --size 512 512

The file is a program of torch.export; running it needs neither this package nor mmseg:

  import json, torch
  files = {'metadata.json': ''}
  segment = torch.export.load('step_1.pt2', extra_files=files).module()
  classes = json.loads(files['metadata.json'])['classes']   # also 'palette' and 'size'
  labels = segment(pictures)

pictures: uint8 (N, 3, H, W), channels blue, green, red, as cv2.imread gives them after
          torch.from_numpy(picture).permute(2, 0, 1)[None]; nothing is to be normalised or resized
labels:   uint8 (N, H, W), positions in classes; 0 is background"""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
    parser.add_argument('config', help='the work dir, or a step_T.py; nothing in it is executed')
    parser.add_argument('checkpoint', help='the step_T.pth to export')
    parser.add_argument('out', help='the file to write, NAME.pt2')
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('H', 'W'),
        help='height and width of all pictures (default: any; the number of pictures is free)',
    )
    parser.add_argument(
        '--no-fold',
        action='store_true',
        help='keep batch normalisation apart from the convolutions; slower',
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    from .. import registration  # noqa: F401  the step's parts
    from ..engine import export_step
    from ..utils.one_line import one_line_errors

    with one_line_errors():
        size = tuple(args.size) if args.size else None
        export_step(args.config, args.checkpoint, args.out, size, not args.no_fold)
        print(f'wrote {args.out} ({os.path.getsize(args.out) / 1e6:.1f} MB)')
