import math

import cv2
import numpy as np
import pytest
import reference.losses as loops

from mmseg_incremental.errors import InputError
from mmseg_incremental.utils.distance_map import boundary_distance_map


@pytest.mark.parametrize(
    ('labels', 'distance'),
    [
        ([[0, 0, 1]], [[2, 1, 1]]),
        # Void is empty space: distances run across it and it makes no boundary itself.
        ([[0, 0, 255, 1]], [[3, 2, math.inf, 2]]),
        ([[0, 255, 255, 0]], [[math.inf] * 4]),
        ([[255, 255]], [[math.inf] * 2]),
        ([[3, 3], [3, 3]], [[math.inf] * 2] * 2),
        ([[0, 0, 0], [0, 0, 0], [0, 0, 5]], [[8**0.5, 5**0.5, 2], [5**0.5, 2**0.5, 1], [2, 1, 1]]),
        # Three classes: the nearest of the other two counts.
        ([[1, 1, 1, 2, 7]], [[3, 2, 1, 1, 1]]),
    ],
)
@pytest.mark.parametrize('dtype', [np.uint8, np.int64])
def test_map_by_hand(labels, distance, dtype):
    result = boundary_distance_map(np.array(labels, dtype=dtype), sigma=3.0)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, np.exp(-np.array(distance) / 3), rtol=1e-6, atol=0)


@pytest.mark.parametrize(('classes', 'ignore_index'), [(2, 255), (5, 255), (5, -1), (5, 0)])
def test_map_equals_search_of_all_pairs(classes, ignore_index):
    rng = np.random.default_rng(classes)
    labels = rng.integers(0, classes, (3, 4)).repeat(4, 0).repeat(3, 1)
    labels[rng.random(labels.shape) < 0.3] = ignore_index
    result = boundary_distance_map(labels, ignore_index, sigma=2.0)
    expected = loops.boundary_distance_map(labels[None], ignore_index, 2.0)[0]
    np.testing.assert_allclose(result, expected, rtol=1e-6, atol=0)


def test_map_falls_from_the_boundary_and_stays_within_0_and_1():
    labels = np.zeros((7, 400), dtype=np.uint8)
    labels[:, 200:] = 9
    result = boundary_distance_map(labels, sigma=5.0)
    assert (result == result[0]).all()
    right = result[0, 200:]
    assert right[0] == result.max() == pytest.approx(math.exp(-1 / 5))
    assert (np.diff(right) < 0).all()
    np.testing.assert_array_equal(result[0, :200], right[::-1])
    assert 0 <= result.min() < 1e-16
    wide = boundary_distance_map(labels, sigma=1e6)
    assert 0.999 < wide.min() < wide.max() <= 1


def test_map_does_not_depend_on_the_threads_of_opencv():
    # they choose between two algorithms, which round differently
    labels = np.random.default_rng(0).integers(0, 3, (12, 14)).repeat(16, 0).repeat(16, 1)
    maps, before = [], cv2.getNumThreads()
    for threads in (0, 1, 4):
        cv2.setNumThreads(threads)
        maps.append(boundary_distance_map(labels))
    cv2.setNumThreads(before)
    assert np.array_equal(maps[0], maps[1])
    assert np.array_equal(maps[0], maps[2])


@pytest.mark.parametrize('sigma', [0, -1.0, math.nan, math.inf, True, None, '5'])
def test_sigma_that_is_no_distance_is_refused(sigma):
    with pytest.raises(InputError, match='sigma must be a number of pixels above 0, not'):
        boundary_distance_map(np.zeros((2, 2), dtype=int), sigma=sigma)


def test_labels_must_be_one_picture():
    with pytest.raises(ValueError, match=r'shape \(H, W\), not \(1, 2, 2\)'):
        boundary_distance_map(np.zeros((1, 2, 2), dtype=int))
