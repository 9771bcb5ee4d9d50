import numpy as np
import pytest

from mmseg_incremental.visualization.overlay import Overlay

CLASSES = ['background', 'disc', 'square']
PALETTE = [(0, 0, 0), (128, 0, 0), (0, 128, 0)]


def scene(height=400, width=500):
    picture = np.full((height, width, 3), 200, np.uint8)
    labels = np.zeros((height, width), np.uint8)
    labels[100:200, 100:200] = 1
    return picture, labels


def test_background_stays_clear_and_regions_are_coloured():
    picture, labels = scene()
    drawn = Overlay(CLASSES, PALETTE, opacity=0.5).draw(picture, {'after step 0': labels})
    assert drawn[20, 20].tolist() == [200, 200, 200]
    assert drawn[115, 115].tolist() == [164, 100, 100]
    assert drawn.shape[1] == 500
    assert drawn.shape[0] > 400


@pytest.mark.parametrize('size', [(40, 31), (401, 333), (3, 2000)])
def test_sizes_are_even(size):
    picture, labels = (part[: size[0], : size[1]] for part in scene(*map(max, size, (300, 300))))
    for maps in ({'a': labels}, {'a': labels, 'b': labels}):
        drawn = Overlay(CLASSES, PALETTE).draw(picture, maps)
        assert [side % 2 for side in drawn.shape[:2]] == [0, 0]


def test_whole_legend_has_one_size_whatever_is_in_sight():
    picture, labels = scene()
    overlay = Overlay(CLASSES, PALETTE)
    maps = labels, np.zeros_like(labels), np.full_like(labels, 2)
    assert len({overlay.draw(picture, {'a': one}, True).shape for one in maps}) == 1
