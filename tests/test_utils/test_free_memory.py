"""What asks for more memory than there is."""

import resource
import sys

import numpy as np
import pytest

from mmseg_incremental.utils import free_memory
from mmseg_incremental.utils.free_memory import within_free_memory

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='bounded on Linux only')
TOO_MUCH = 1 << 46  # bytes


def test_too_much_fails_and_the_bound_is_gone_afterwards():
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(MemoryError), within_free_memory():
        np.ones(TOO_MUCH, np.uint8)
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_what_there_is_can_be_used():
    with within_free_memory():
        assert np.ones(1 << 24, np.uint8).sum() == 1 << 24


def test_a_full_machine_can_use_little(monkeypatch):
    entry = free_memory._entry
    monkeypatch.setattr(
        free_memory, '_entry', lambda path, name: 0 if name == 'MemAvailable' else entry(path, name)
    )
    with within_free_memory():
        assert np.ones(1 << 28, np.uint8)[-1] == 1
