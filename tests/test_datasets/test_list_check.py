"""Lists that cannot be what a user meant, told before mmseg reads them."""

import os

import pytest

from mmseg_incremental.datasets.list_check import list_problem, repeated_problem


@pytest.mark.parametrize(
    ('content', 'problem'),
    [
        (b'a\nb\n', ''),
        (b'a\n\n  \nb', ''),
        (b'', ''),
        ('é\nü\n'.encode(), ''),
        (b'a\nb\na\nb\nc\n', 'has 2 ids more than once, the first is a'),
        (b'a\na \n', 'has 1 ids more than once, the first is a'),
        ('é\n'.encode('latin-1'), r'is not in UTF-8 \(byte 0\)'),
        ('a\n'.encode('utf-16'), 'is not in UTF-8'),
        ('a\n'.encode('utf-16-le'), 'holds a NUL character'),
        (b'a\0b\n', 'holds a NUL character'),
        ('a\n'.encode('utf-8-sig'), 'begins with a byte order mark'),
    ],
)
def test_content(content, problem, tmp_path):
    path = tmp_path / 'train.txt'
    path.write_bytes(content)
    found = list_problem(str(path)) or repeated_problem(str(path))
    assert bool(found) == bool(problem)
    if problem:
        with pytest.raises(ValueError, match=rf'^{path} {problem}[^\n]*$'):
            raise ValueError(found)


def test_other_things_than_files(tmp_path):
    assert 'is a folder' in list_problem(str(tmp_path))
    os.mkfifo(tmp_path / 'pipe')
    assert 'is no regular file' in list_problem(str(tmp_path / 'pipe'))
