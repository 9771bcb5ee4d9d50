import math
import os
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from mmseg_incremental.evaluation import SequenceResults
from mmseg_incremental.visualization import draw_step_matrix

SEQUENCE = {
    'dataset': 'shapes',
    'task': '2-1',
    'groups': [['disc', 'square'], ['ring'], ['cross']],
    'method': {'name': 'MiB'},
}


def results(*steps):
    recorded = SequenceResults(SEQUENCE)
    names = ['background', 'disc', 'square', 'ring', 'cross']
    for step, values in enumerate(steps):
        recorded.record(step, {f'IoU/{n}': v for n, v in zip(names, values, strict=False)})
    return recorded


THREE = (
    (91.0, 60.4, 2.0),
    (92.0, math.nan, 30.6, 10.0),
    (93.0, 20.0, 98.7, 5.0, 40.0),
)


def test_writes_a_readable_png_and_nothing_else(tmp_path):
    draw_step_matrix(results(*THREE), tmp_path / 'matrix.png')
    assert os.listdir(tmp_path) == ['matrix.png']
    with Image.open(tmp_path / 'matrix.png') as image:
        image.load()
        assert image.format == 'PNG'
        assert len(np.unique(np.asarray(image.convert('RGB')).reshape(-1, 3), axis=0)) > 20


def test_cells_hold_the_ious(tmp_path, drawn):
    draw_step_matrix(results(*THREE), tmp_path / 'matrix.png')
    axes = drawn[0].axes[0]
    expected = np.full((3, 5), np.nan)
    for row, values in enumerate(THREE):
        expected[row, : len(values)] = values
    shown = np.ma.filled(axes.images[0].get_array().astype(float), np.nan)
    np.testing.assert_array_equal(shown, expected)
    assert axes.images[0].get_clim() == (0, 100), 'colours of two runs can be compared'
    texts = [text.get_text() for text in axes.texts]
    assert texts == [
        '91', '60', '2', '', '',
        '92', '', '31', '10', '',
        '93', '20', '99', '5', '40',
    ]  # fmt: skip
    assert [tuple(text.get_position()) for text in axes.texts[:6]] == [
        (0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (0, 1),
    ]  # fmt: skip
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        'background', 'disc', 'square', 'ring', 'cross',
    ]  # fmt: skip
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        'after step 0', 'after step 1', 'after step 2',
    ]  # fmt: skip


@pytest.mark.parametrize(('steps', 'edges'), [(1, []), (2, [2.5]), (3, [2.5, 3.5])])
def test_lines_part_the_classes_of_the_steps(steps, edges, tmp_path, drawn):
    draw_step_matrix(results(*THREE[:steps]), tmp_path / 'matrix.png')
    assert [line.get_xdata()[0] for line in drawn[0].axes[0].lines] == edges


def test_steps_that_were_not_recorded_have_no_row(tmp_path, drawn):
    some = results(*THREE)
    del some.steps[1]
    draw_step_matrix(some, tmp_path / 'matrix.png')
    labels = [label.get_text() for label in drawn[0].axes[0].get_yticklabels()]
    assert labels == ['after step 0', 'after step 2']


def test_failed_drawing_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    path = tmp_path / 'matrix.png'
    path.write_bytes(b'old')

    def fail(_figure, name, **_):
        Path(name).write_bytes(b'half')
        raise OSError('no space left on device')

    monkeypatch.setattr(Figure, 'savefig', fail)
    with pytest.raises(OSError, match='no space'):
        draw_step_matrix(results(*THREE), path)
    assert path.read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['matrix.png']
