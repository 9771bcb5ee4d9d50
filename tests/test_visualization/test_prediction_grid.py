import os
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from mmseg_incremental.visualization import Example, colorize, draw_prediction_grid

NAMES = ['background', 'disc', 'square', 'ring']


def example(seed, size=(20, 30), labels=(0, 1, 255)):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    maps = {title: rng.choice(labels, size) for title in ('label', 'after step 0', 'after step 1')}
    return Example(image, maps)


def read(path):
    with Image.open(path) as image:
        image.load()
        assert image.format == 'PNG'
        return np.asarray(image.convert('RGB'))


def test_writes_a_readable_png_and_nothing_else(tmp_path):
    path = tmp_path / 'grid.png'
    draw_prediction_grid([example(0), example(1, size=(40, 25))], NAMES, path)
    pixels = read(path)
    assert min(pixels.shape[:2]) > 200
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50
    assert os.listdir(tmp_path) == ['grid.png']


def test_every_panel_is_in_its_place(tmp_path, drawn):
    examples = [example(0), example(1)]
    draw_prediction_grid(examples, NAMES, tmp_path / 'grid.png')
    axes = drawn[0].axes
    assert len(axes) == 8
    assert [cell.get_title() for cell in axes[:4]] == [
        'picture', 'label', 'after step 0', 'after step 1',
    ]  # fmt: skip
    panels = [np.asarray(cell.images[0].get_array()) for cell in axes]
    for row, one in enumerate(examples):
        assert np.array_equal(panels[4 * row], one.image)
        for column, labels in enumerate(one.maps.values(), start=1):
            assert np.array_equal(panels[4 * row + column], colorize(labels))


def test_legend_names_the_classes_in_sight(tmp_path, drawn):
    one = example(0, labels=(0, 255))
    one.maps['after step 1'][0, 0] = 3
    draw_prediction_grid([one], NAMES, tmp_path / 'grid.png')
    (legend,) = drawn[0].legends
    assert [text.get_text() for text in legend.get_texts()] == ['background', 'ring', 'void']
    colors = [patch.get_facecolor()[:3] for patch in legend.get_patches()]
    assert colors[1] == pytest.approx((128 / 255, 128 / 255, 0))
    assert colors[2] == pytest.approx((224 / 255, 224 / 255, 192 / 255))


def test_nothing_but_void_can_be_drawn(tmp_path):
    draw_prediction_grid([example(0, labels=(255,))], NAMES, tmp_path / 'grid.png')
    read(tmp_path / 'grid.png')


def test_failed_drawing_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    path = tmp_path / 'grid.png'
    path.write_bytes(b'old')

    def fail(_figure, name, **_):
        Path(name).write_bytes(b'half')
        raise OSError('no space left on device')

    monkeypatch.setattr(Figure, 'savefig', fail)
    with pytest.raises(OSError, match='no space'):
        draw_prediction_grid([example(0)], NAMES, path)
    assert path.read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['grid.png']


def test_examples_with_different_columns_are_an_error(tmp_path):
    less = Example(example(1).image, {'label': example(1).maps['label']})
    with pytest.raises(ValueError, match='shorter'):
        draw_prediction_grid([example(0), less], NAMES, tmp_path / 'grid.png')
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize('columns', [1, 2, 3])
def test_legend_of_many_classes_stays_inside(columns, tmp_path, drawn):
    names = ['background', *(f'a long name of class {n}' for n in range(1, 12))]
    titles = ('full label', 'as step 1 sees it', 'prediction')[:columns]
    maps = {title: np.arange(12).repeat(30).reshape(18, 20) for title in titles}
    one = Example(np.zeros((18, 20, 3), np.uint8), maps)
    draw_prediction_grid([one, one], names, tmp_path / 'grid.png')
    (legend,) = drawn[0].legends
    assert len(legend.get_texts()) == 12
    inside, outside = legend.get_window_extent(), drawn[0].bbox
    assert inside.x0 >= outside.x0
    assert inside.x1 <= outside.x1
    assert inside.y0 >= outside.y0
    assert all(cell.get_window_extent().height > 30 for cell in drawn[0].axes)
