import os
from pathlib import Path

import pytest
import torch

from mmseg_incremental import apis  # noqa: F401  registers every part

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get('MMSEG_INCREMENTAL_DATA', ROOT.parent / 'shared' / 'data'))

# on two cores the default number of threads makes small models several times slower
torch.set_num_threads(1)


def data_path(name: str) -> Path:
    """A part of the development data, or a skip with the reason."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f'{path} is absent; set MMSEG_INCREMENTAL_DATA to the development data')
    return path


@pytest.fixture
def voc_lists() -> Path:
    return data_path('voc12_lists')


@pytest.fixture
def voc_mini(tmp_path: Path) -> Path:
    """The small copy of VOC behind links, so that caches stay out of the data folder."""
    source = data_path('voc12_mini')
    root = tmp_path / 'voc'
    root.mkdir()
    for part in ('JPEGImages', 'SegmentationClass', 'ImageSets'):
        (root / part).symlink_to(source / part)
    return root
