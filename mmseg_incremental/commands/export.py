"""Write a finished step as one file that runs without this package, and compare it."""

import argparse
import os

from ..utils.arguments import command_parser

EPILOG = """examples:
  mmseg-incremental export WORK_DIR --format onnx --out step.onnx
  mmseg-incremental export WORK_DIR --step 1 --format pt2 --out step_1.pt2
  mmseg-incremental export WORK_DIR/step_1.pth --format torchscript --out step_1.pt --size 512 512

Whatever the format, the file takes pictures and returns labels:

pictures: uint8 (N, 3, H, W), channels blue, green, red, as cv2.imread gives them; nothing is to be
          normalised or resized
labels:   uint8 (N, H, W), positions in classes; 0 is background

What is in metadata.json of the file: classes, palette, size. docs/export.md runs each format."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
    parser.add_argument('path', help='the work dir, or a step_T.pth; nothing in it is executed')
    parser.add_argument('--out', required=True, metavar='FILE', help='the file to write')
    parser.add_argument(
        '--format',
        choices=['onnx', 'pt2', 'torchscript'],
        default='onnx',
        help='onnx for onnxruntime and others, pt2 (torch.export) or torchscript for PyTorch alone '
        '(default: %(default)s)',
    )
    parser.add_argument('--step', type=int, metavar='T', help='(default: the last)')
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('H', 'W'),
        help='height and width of all pictures (default: any; the number of pictures is free)',
    )
    parser.add_argument('--opset', type=int, help='version of the operators of ONNX (default: 18)')
    parser.add_argument(
        '--no-fold',
        action='store_true',
        help='keep batch normalisation apart from the convolutions; slower',
    )
    parser.add_argument(
        '--pictures',
        metavar='INPUT',
        help='a picture, a folder or a glob to compare the file with the network on (default: '
        'made-up pictures of four sizes)',
    )
    args = parser.parse_args(argv)
    if args.opset is not None and args.format != 'onnx':
        parser.error('--opset is for --format onnx')
    return args


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    from .. import registration  # noqa: F401  the step's parts
    from ..export import ExportedProgram, Onnx, TorchScript, export_step
    from ..inference.inputs import find_pictures, read_picture
    from ..utils.one_line import one_line_errors

    with one_line_errors():
        made = {'pt2': ExportedProgram, 'torchscript': TorchScript, 'onnx': Onnx}[args.format]
        file_format = made(args.opset) if args.opset is not None else made()
        size = tuple(args.size) if args.size else None
        paths = find_pictures(args.pictures) if args.pictures else []
        done = export_step(
            args.path,
            args.out,
            file_format,
            args.step,
            size,
            not args.no_fold,
            [read_picture(path) for path in paths],
        )
        megabytes = os.path.getsize(args.out) / 1e6
        print(
            f'wrote {args.out}: step {done.step}, {file_format.title}, {megabytes:.1f} MB; '
            f'{100 * done.differing:.4f} % of the pixels of {done.num_pictures} pictures are '
            'labelled otherwise than by the network'
        )
