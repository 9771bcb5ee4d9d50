import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure
from tiny import cfg_options, leaf, run_tool

from mmseg_incremental import apis  # noqa: F401  registers every part
from mmseg_incremental.utils.cache_folder import VARIABLE

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get('MMSEG_INCREMENTAL_DATA', ROOT.parent / 'shared' / 'data'))

# on two cores the default number of threads makes small models several times slower
torch.set_num_threads(1)


@pytest.fixture(scope='session', autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's cache folder out of the tests, and of the commands that they run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(tmp_path_factory.mktemp('cache')))
        yield


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
    """The small copy of VOC behind links, so that a test may add lists."""
    source = data_path('voc12_mini')
    root = tmp_path / 'voc'
    root.mkdir()
    for part in ('JPEGImages', 'SegmentationClass', 'ImageSets'):
        (root / part).symlink_to(source / part)
    return root


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures in the order in which they were saved."""
    figures = []
    save = Figure.savefig

    def spy(figure: Figure, *args: object, **kwargs: object) -> None:
        figures.append(figure)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, 'savefig', spy)
    return figures


@pytest.fixture(scope='session')
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small rendered data set."""
    root = tmp_path_factory.mktemp('data') / 'shapes'
    done = run_tool(
        'dataset_converters/make_shapes', root, '--num-train', 40, '--num-val', 9, '--size', 64
    )
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope='session')
def trained(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Work dir of the tiny MiB sequence, trained by the real command."""
    work_dir = tmp_path_factory.mktemp('trained') / 'mib'
    done = run_tool('train', leaf(), '--work-dir', work_dir, *cfg_options(shapes))
    assert done.returncode == 0, done.stdout + done.stderr
    (work_dir / 'stdout.txt').write_text(done.stdout)
    return work_dir
