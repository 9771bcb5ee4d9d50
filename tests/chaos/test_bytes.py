"""Files of a work dir whose bytes have changed."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny import run_until_killed

from mmseg_incremental.datasets.index_cache import read_index, write_index
from mmseg_incremental.datasets.memory_file import read_memory
from mmseg_incremental.errors import InputError
from mmseg_incremental.evaluation import SequenceResults
from mmseg_incremental.sequence import load_checkpoint
from mmseg_incremental.sequence.stored_config import read_literal_config

pytestmark = pytest.mark.chaos


def training(path: Path) -> object:
    """What is read of a checkpoint inside a step."""
    return load_checkpoint(path, training_state=True)


def results(path: Path) -> object:
    """What is read of the results."""
    found = SequenceResults.load(path)
    return {'sequence': found.sequence, 'steps': found.steps}


def same(one: object, other: object) -> bool:
    """Whether two contents are equal to the last bit."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(
            one.reshape(-1).view(torch.uint8), other.reshape(-1).view(torch.uint8)
        )
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and list(one) == list(other)
            and all(same(value, other[key]) for key, value in one.items())
        )
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return str(one) == str(other) or type(one).__module__ == 'mmengine.logging.history_buffer'


def damage(path: Path, rng: random.Random) -> str:
    """Flip a bit, cut the file, or put other bytes in, and tell what was done."""
    data = bytearray(path.read_bytes())
    kind = rng.choice(['flip', 'flip', 'flip', 'cut', 'noise'])
    place = rng.randrange(len(data))
    if kind == 'flip':
        data[place] ^= 1 << rng.randrange(8)
    elif kind == 'cut':
        del data[place:]
    else:
        data[place : place + 16] = rng.randbytes(len(data[place : place + 16]))
    path.write_bytes(data)
    return f'{kind} at {place} of {path.name}'


@pytest.fixture(scope='session')
def readers(small, reference, tmp_path_factory) -> dict[Path, Callable[[Path], object]]:
    """Files of a finished and of a begun work dir, and how each is read."""
    begun = tmp_path_factory.mktemp('begun')
    run_until_killed(small, begun, step=0, iteration=3)
    found = dict.fromkeys(reference.glob('step_*.pth'), load_checkpoint)
    found |= dict.fromkeys(begun.glob('step_0/iter_*.pth'), training)
    found[reference / 'results.json'] = results
    return found


def test_flips_and_truncations(readers, tmp_path: Path, session) -> None:
    whole = {path: read(path) for path, read in readers.items()}
    with session('flips and truncations', 0.1) as tries:

        def attempt(rng: random.Random) -> None:
            source = rng.choice(list(readers))
            path = tmp_path / source.name
            shutil.copy(source, path)
            what = damage(path, rng)
            if path.read_bytes() == source.read_bytes():
                return
            try:
                found = readers[source](path)
            except InputError as error:
                told = str(error)
            else:
                told = ''
            if told:
                assert '\n' not in told, what
                tries.count('noticed')
                return
            assert same(found, whole[source]), f'{what} went unnoticed'
            tries.count('in bytes without a meaning')

        tries.attempt(attempt)


def test_damaged_index_is_read_as_none(tmp_path: Path, session, monkeypatch) -> None:
    from mmseg_incremental.datasets.index_cache import index_path
    from mmseg_incremental.utils.cache_folder import VARIABLE

    monkeypatch.setenv(VARIABLE, str(tmp_path))
    entries = {f'{i}.png': dict(state=[1, 2, i], labels=[0, i], size=[9, i]) for i in range(20)}
    with session('damage of the class index', 0.02) as tries:

        def attempt(rng: random.Random) -> None:
            write_index('/data', entries)
            what = damage(index_path('/data'), rng)
            found = read_index('/data')
            assert found in ({}, entries), what

        tries.attempt(attempt)


@pytest.mark.parametrize('kind', ['memory', 'config'])
def test_other_files_are_refused_in_a_line_or_read(kind, reference, tmp_path, session) -> None:
    memory = '{"version": 1, "pictures": [{"picture": "a.jpg", "classes": [1], "steps": [0]}]}'
    source = (reference / 'step_1.py').read_bytes() if kind == 'config' else memory.encode()
    path = tmp_path / ('step_1.py' if kind == 'config' else 'memory.json')
    read = read_literal_config if kind == 'config' else read_memory
    with session(f'damage of a {kind} file', 0.02) as tries:

        def attempt(rng: random.Random) -> None:
            path.write_bytes(source)
            what = damage(path, rng)
            told = ''
            try:
                read(path)
            except InputError as error:
                told = str(error)
            assert '\n' not in told, what

        tries.attempt(attempt)
