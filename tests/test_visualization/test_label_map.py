import numpy as np
import pytest
from mmseg.utils import get_palette

from mmseg_incremental.visualization import colorize

# Pascal VOC's own colours
HAND = {
    0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 4: (0, 0, 128),
    8: (64, 0, 0), 15: (192, 128, 128), 16: (0, 64, 0), 20: (0, 64, 128),
    255: (224, 224, 192),
}  # fmt: skip


def test_colours_by_hand():
    labels = np.array([list(HAND)], dtype=np.uint8)
    colors = colorize(labels)
    assert colors.shape == (1, len(HAND), 3)
    assert colors.dtype == np.uint8
    assert [tuple(color) for color in colors[0].tolist()] == list(HAND.values())


def test_colours_of_voc_are_those_of_mmseg():
    assert colorize(np.arange(21)[None])[0].tolist() == get_palette('voc')


def test_every_label_has_its_own_colour():
    colors = colorize(np.arange(256).reshape(16, 16)).reshape(-1, 3)
    assert len({tuple(color) for color in colors.tolist()}) == 256


@pytest.mark.parametrize('dtype', [np.uint8, np.int64, np.int32])
def test_labels_of_any_integer_type(dtype):
    labels = np.array([[0, 255], [1, 20]], dtype=dtype)
    assert colorize(labels)[0, 1].tolist() == [224, 224, 192]
    assert labels.tolist() == [[0, 255], [1, 20]]
