"""The file of remembered pictures."""

import json

import pytest

from mmseg_incremental.datasets import Candidate, read_memory, write_memory
from mmseg_incremental.errors import InputError

PICTURES = [
    Candidate('b/2.jpg', frozenset({7, 3}), (0,)),
    Candidate('a/1.jpg', frozenset(), (0, 2)),
]


def test_the_format(tmp_path):
    write_memory(tmp_path / 'memory.json', PICTURES)
    assert json.loads((tmp_path / 'memory.json').read_text()) == {
        'version': 1,
        'pictures': [
            {'picture': 'b/2.jpg', 'steps': [0], 'classes': [3, 7]},
            {'picture': 'a/1.jpg', 'steps': [0, 2], 'classes': []},
        ],
    }
    assert [path.name for path in tmp_path.iterdir()] == ['memory.json']


@pytest.mark.parametrize('pictures', [PICTURES, PICTURES[::-1], []])
def test_comes_back_as_it_was(tmp_path, pictures):
    write_memory(tmp_path / 'memory.json', pictures)
    assert read_memory(tmp_path / 'memory.json') == pictures


@pytest.mark.parametrize(
    'content',
    [
        '',
        '{"version": 1, "pict',
        '[]',
        '{"version": 1}',
        '{"version": 1, "pictures": 3}',
        '{"version": 1, "pictures": {"picture": "a"}}',
        '{"version": 1, "pictures": [{"picture": "a", "steps": [0]}]}',
        '{"version": 1, "pictures": [{"picture": "a", "steps": [], "classes": [1]}]}',
        '{"version": 1, "pictures": [{"picture": "a", "steps": [-1], "classes": [1]}]}',
        '{"version": 1, "pictures": [{"picture": "a", "steps": [true], "classes": [1]}]}',
        '{"version": 1, "pictures": [{"picture": "a", "steps": [0], "classes": "12"}]}',
        '{"version": 1, "pictures": [{"picture": "a", "steps": [0], "classes": [1.5]}]}',
        '{"version": 1, "pictures": [{"picture": "", "steps": [0], "classes": [1]}]}',
        '{"version": 1, "pictures": [{"picture": 7, "steps": [0], "classes": [1]}]}',
    ],
)
def test_refuses_a_damaged_file(tmp_path, content):
    path = tmp_path / 'memory.json'
    path.write_text(content)
    with pytest.raises(InputError, match='cannot be read') as caught:
        read_memory(path)
    assert str(caught.value).startswith(f'{path}: ')
    assert '\n' not in str(caught.value)


def test_refuses_a_missing_file_another_version_and_a_picture_twice(tmp_path):
    path = tmp_path / 'memory.json'
    with pytest.raises(InputError, match='FileNotFoundError'):
        read_memory(path)
    path.write_text('{"version": 2, "pictures": "whatever it is then"}')
    with pytest.raises(InputError, match='version 2'):
        read_memory(path)
    write_memory(path, [*PICTURES, PICTURES[0]._replace(steps=(1,))])
    with pytest.raises(InputError, match=r'b/2\.jpg is listed twice'):
        read_memory(path)
