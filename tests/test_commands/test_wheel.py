"""What a wheel holds beside the code; ``make wheel-check`` builds and uses one."""

import subprocess
import sys

import pytest
import yaml
from tiny import ROOT

from mmseg_incremental.utils.shipped import leaf_names


@pytest.fixture(scope='module')
def models() -> list[dict]:
    (path,) = yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
    content = yaml.safe_load((ROOT / path).read_text())
    known = {collection['Name'] for collection in content['Collections']}
    assert {model['In Collection'] for model in content['Models']} == known
    for collection in content['Collections']:
        assert (ROOT / collection['README']).is_file()
    return content['Models']


def test_every_leaf_is_in_the_index(models):
    assert [model['Name'] for model in models] == leaf_names()
    assert [model['Config'] for model in models] == [f'configs/{n}.py' for n in leaf_names()]


def test_results_in_the_index_are_those_that_were_measured(models):
    index = (ROOT / 'docs' / 'methods' / 'index.md').read_text()
    at_once, one_by_one = (
        (ROOT / 'docs' / 'methods' / 'real_pictures.md').read_text().split('## One by one')
    )
    real = 'bisenet_efficientnet-lite0_voc_animals-person'
    shown_in = {
        'bisenet_r18_shapes_4-1_ft': (index, 'FT'),
        'bisenet_r18_shapes_4-1_mib': (index, 'MiB'),
        'bisenet_r18_shapes_offline': (index, 'Joint'),
        f'{real}_mib': (at_once, 'MiB'),
        f'{real}-s_mib': (one_by_one, 'MiB'),
        f'{real}-offline': (at_once, 'Joint'),
    }
    measured = {m['Name']: m['Results']['Metrics']['mIoU'] for m in models if 'Results' in m}
    assert set(measured) == set(shown_in)
    for name, (page, label) in shown_in.items():
        cells = [line.split('|') for line in page.splitlines() if line.startswith(f'| {label} |')]
        values = {cell[4].split('±')[0].strip() for cell in cells}
        assert str(measured[name]) in values, (name, values)


def test_build_copies_what_stands_beside_the_package(tmp_path):
    command = [sys.executable, 'setup.py', '-q', 'build_py', '--build-lib', str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    mim = tmp_path / 'mmseg_incremental' / '.mim'
    for folder in ('configs', 'tools', 'projects/incremental_bisenet'):
        names = {path.relative_to(ROOT) for path in (ROOT / folder).rglob('*.py')}
        assert names == {path.relative_to(mim) for path in (mim / folder).rglob('*.py')}
    assert (mim / 'model-index.yml').is_file()
    assert not list(mim.rglob('__pycache__'))
