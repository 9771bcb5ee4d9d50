"""What asks for more memory than there is."""

import resource
import sys

import numpy as np
import pytest

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
