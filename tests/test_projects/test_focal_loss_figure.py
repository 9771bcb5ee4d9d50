import os

import numpy as np
import pytest
from PIL import Image

from incremental_bisenet.focal_loss_figure import (
    CERTAINTIES,
    NAMES,
    certainty_maps,
    draw_focal_loss_figure,
    example_labels,
    loss_values,
)


def test_example_has_20_by_20_pixels_of_all_classes():
    labels = example_labels()
    assert labels.shape == (20, 20)
    assert np.bincount(labels.ravel(), minlength=4).min() >= 20
    heights = {name: np.argwhere(labels == k)[:, 0].mean() for k, name in enumerate(NAMES)}
    assert heights['cloud'] < heights['boat'] < heights['ocean']


def test_maps_give_the_certainty_to_the_right_class_and_share_the_rest():
    maps = certainty_maps(0.7)
    assert maps.shape == (4, 20, 20)
    np.testing.assert_allclose(maps.sum(0), 1)
    labels = example_labels()
    np.testing.assert_allclose(np.take_along_axis(maps, labels[None], 0), 0.7)
    np.testing.assert_allclose(maps[2][labels == 1], 0.1)


@pytest.mark.parametrize('gamma', [0.0, 0.5, 2.0])
def test_values_are_those_of_the_formulas(gamma):
    certainties = np.array([1.0, 0.9, 0.5, 0.25, 0.01])
    values = loss_values(certainties, gamma)
    np.testing.assert_allclose(values.cross_entropy, -np.log(certainties), atol=1e-12)
    expected = (1 - certainties) ** gamma * -np.log(certainties)
    np.testing.assert_allclose(values.focal, expected, atol=1e-12)


def test_values_worked_out_by_hand():
    values = loss_values([1.0, 0.5])
    assert values.cross_entropy.tolist() == pytest.approx([0, 0.693147], abs=1e-6)
    assert values.focal.tolist() == pytest.approx([0, 0.173287], abs=1e-6)  # a quarter


@pytest.mark.parametrize('certainties', [(1.0, 0.0), (1.1, 0.5), (0.5, 0.9), (1.0,)])
def test_refuses_certainties_that_make_no_figure(tmp_path, certainties):
    with pytest.raises(ValueError, match='certainties must be'):
        draw_focal_loss_figure(tmp_path / 'figure.png', certainties=certainties)
    assert os.listdir(tmp_path) == []


def test_writes_a_readable_png_and_nothing_else(tmp_path):
    draw_focal_loss_figure(tmp_path / 'figure.png')
    with Image.open(tmp_path / 'figure.png') as image:
        image.load()
        assert image.format == 'PNG'
        assert min(image.size) > 800
    assert os.listdir(tmp_path) == ['figure.png']


def test_every_map_and_value_is_in_its_place(tmp_path, drawn):
    certainties = (1.0, 0.6, 0.3)
    draw_focal_loss_figure(tmp_path / 'figure.png', certainties=certainties)
    axes = drawn[0].axes
    example, maps, curves = axes[0], axes[1:13], axes[-1]
    np.testing.assert_array_equal(example.images[0].get_array(), example_labels())
    for row, label in enumerate([1, 2, 3, 0]):
        assert maps[3 * row].get_ylabel() == NAMES[label]
        for column, certainty in enumerate(certainties):
            shown = maps[3 * row + column].images[0]
            np.testing.assert_allclose(shown.get_array(), certainty_maps(certainty)[label])
            assert shown.get_clim() == (0, 1)
    texts = [[text.get_text() for text in cell.texts] for cell in maps[-3:]]
    printed = [[text for text in column if text not in ('CE', 'FL')] for column in texts]
    assert printed == [['0.000', '0.000'], ['0.511', '0.082'], ['1.204', '0.590']]
    ce, focal, ce_marks, focal_marks = (line.get_xydata() for line in curves.lines)
    assert np.all(ce[:, 1] >= focal[:, 1])
    np.testing.assert_allclose(ce_marks, [[c, -np.log(c)] for c in certainties], atol=1e-12)
    np.testing.assert_allclose(focal_marks[:, 0], certainties)


def test_equally_spaced_certainties_stand_under_their_columns(tmp_path, drawn):
    draw_focal_loss_figure(tmp_path / 'figure.png')
    axes = drawn[0].axes
    columns, curves = axes[1 : 1 + len(CERTAINTIES)], axes[-1]
    for column, certainty in zip(columns, CERTAINTIES, strict=True):
        center = column.transAxes.transform((0.5, 0))[0]
        assert curves.transData.transform((certainty, 0))[0] == pytest.approx(center, abs=2)
