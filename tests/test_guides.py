"""What the guides of the site say works when they are followed word by word."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import ROOT, cfg_options

pytestmark = pytest.mark.slow
BLOCK = re.compile(r'```python\n# (\S+\.py)\n(.*?)```', re.DOTALL)


@pytest.fixture(scope='module')
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository in which every file that the guides show has been written."""
    root = tmp_path_factory.mktemp('checkout')
    for part in ('mmseg_incremental', 'configs', 'tools'):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns('__pycache__'))
    pages = [ROOT / 'docs' / 'guides' / f'own_{what}.md' for what in ('method', 'network', 'data')]
    blocks = [block for page in pages for block in BLOCK.findall(page.read_text())]
    assert len(blocks) == 7
    for path, text in blocks:
        assert not (root / path).exists()
        (root / path).write_text(text)
    return root


def train(checkout: Path, data_root: Path, work_dir: Path, **options: object) -> str:
    command = [sys.executable, 'tools/train.py', 'configs/bisenet_r18_shapes_4-1_mib.py']
    changes = {'step_schedule.first.iters': 2, 'step_schedule.later.iters': 2, **options}
    command += ['--work-dir', str(work_dir), '--steps', '0', '1']
    done = subprocess.run(
        [*command, *cfg_options(data_root, **changes)],
        capture_output=True,
        text=True,
        cwd=checkout,
        env={**os.environ, 'PYTHONPATH': str(checkout), 'OMP_NUM_THREADS': '1'},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_method_that_acts_at_two_moments(checkout: Path, shapes: Path, tmp_path: Path) -> None:
    assert 'Mine on shapes 4-1' in train(checkout, shapes, tmp_path, method='mine')


def test_own_head_on_own_data(checkout: Path, shapes: Path, tmp_path: Path) -> None:
    data = tmp_path / 'data'
    for split in ('train', 'val'):
        for kind in ('images', 'labels'):
            (data / kind / split).mkdir(parents=True)
        for name in (shapes / f'ImageSets/Segmentation/{split}.txt').read_text().split():
            shutil.copy(shapes / 'JPEGImages' / f'{name}.jpg', data / 'images' / split)
            label = np.asarray(Image.open(shapes / 'SegmentationClass' / f'{name}.png'))
            kept = np.where((label > 3) & (label < 255), 0, label).astype(np.uint8)
            Image.fromarray(kept).save(data / 'labels' / split / f'{name}.png')
    options = {'dataset': 'mine', 'task': 'mine_2-1', 'model': 'mine'}
    out = train(checkout, data, tmp_path / 'work', **options)
    assert 'tree' in out
    assert 'MyHead' in (tmp_path / 'work' / 'step_1.py').read_text()
