"""Predict pictures with a finished step, or with all steps side by side."""

import argparse

from ..utils.arguments import command_parser, positive

EPILOG = """examples:
  mmseg-incremental predict WORK_DIR picture.jpg --out predictions
  mmseg-incremental predict WORK_DIR 'pictures/*.jpg' --step all --out predictions
  mmseg-incremental predict WORK_DIR/step_1.pth street.mp4 --batch-size 8 --out predictions

DIR then holds overlays/NAME.png (of a video overlays.mp4), labels/step_T/NAME.png (indexed PNG;
values are positions in the step's classes) and areas.csv (picture, step, class, pixels, share)."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
    parser.add_argument('path', help='the work dir, or a step_T.pth; nothing in it is executed')
    parser.add_argument('input', help='a picture, a folder, a glob (in quotes) or a video')
    parser.add_argument('--out', required=True, metavar='DIR', help='folder of the predictions')
    parser.add_argument(
        '--step', type=_step, default=-1, metavar='T|all', help='(default: the last)'
    )
    parser.add_argument(
        '--batch-size', type=positive, default=1, help='pictures at a time (default: 1)'
    )
    parser.add_argument('--device', help='such as cuda:0 or cpu (default: what is there)')
    parser.add_argument(
        '--opacity', type=_share, default=0.6, help='of the colours, 0 to 1 (default: 0.6)'
    )
    return parser.parse_args(argv)


def _step(text: str) -> int | None:
    if text == 'all':
        return None
    if not text.removeprefix('-').isdecimal():
        raise argparse.ArgumentTypeError(f'a number or all, not {text!r}')
    return int(text)


def _share(text: str) -> float:
    try:
        if 0 <= (value := float(text)) <= 1:
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f'a number from 0 to 1, not {text!r}')


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    from .. import registration  # noqa: F401  the step's parts
    from ..inference import find_input, predict
    from ..sequence.finished_step import find_checkpoints
    from ..utils.one_line import one_line_errors

    with one_line_errors():
        steps = find_checkpoints(args.path, args.step)
        given = find_input(args.input)
        for path in predict(steps, given, args.out, args.batch_size, args.device, args.opacity):
            print(f'wrote {path}')
