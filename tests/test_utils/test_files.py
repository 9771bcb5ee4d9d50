"""Names of files relative to the folder that they have in common."""

import os

import pytest

from mmseg_incremental.utils.files import relative_to_common_folder


@pytest.mark.parametrize(
    ('paths', 'common', 'names'),
    [
        (['/a/b/x.png'], '/a/b', ['x.png']),
        (['/a/b/x.png', '/a/b/y.png'], '/a/b', ['x.png', 'y.png']),
        (['/a/b/x.png', '/a/c/d/x.png', '/a/y.png'], '/a', ['b/x.png', 'c/d/x.png', 'y.png']),
        (['/a/b/../c/x.png', '/a/./c//d/y.png'], '/a/c', ['x.png', 'd/y.png']),
        (['/a/x.png', '/b/y.png'], '/', ['a/x.png', 'b/y.png']),
        (['/ab/x.png', '/a/y.png'], '/', ['ab/x.png', 'a/y.png']),
    ],
)
def test_by_hand(paths, common, names):
    assert relative_to_common_folder(paths, os.path.abspath) == (common, names)


def test_relative_paths_are_resolved_once_per_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    asked = []

    def resolve(folder):
        asked.append(folder)
        return os.path.abspath(folder)

    paths = [f'data/{part}/{i}.png' for part in 'ab' for i in range(3)]
    common, names = relative_to_common_folder(paths, resolve)
    assert common == str(tmp_path / 'data')
    assert names == [path.removeprefix('data/') for path in paths]
    assert sorted(asked) == ['data/a', 'data/b']
    assert relative_to_common_folder(['x.png'], resolve) == (str(tmp_path), ['x.png'])
