"""The background shift of rendered pictures, counted anew with NumPy."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from tiny import tiny_sequence

from mmseg_incremental.datasets.background_shift import label_table_of_steps, shift_table
from mmseg_incremental.sequence.step_contents import read_step_contents
from mmseg_incremental.visualization import draw_background_shift

#: Shapes 4-1: labels of every step.
GROUPS = [(1, 2, 3, 4), (5,), (6,)]


def masks(shapes: Path, split: str) -> dict[str, np.ndarray]:
    names = (shapes / f'ImageSets/Segmentation/{split}.txt').read_text().split()
    return {n: np.array(Image.open(shapes / f'SegmentationClass/{n}.png')) for n in names}


@pytest.mark.parametrize('setting', ['overlapped', 'sequential'])
def test_counts(shapes: Path, tmp_path: Path, setting: str) -> None:
    found = read_step_contents(tiny_sequence(shapes, tmp_path, setting=setting))
    before = set()
    for step, content in enumerate(found):
        later = {c for group in GROUPS[step + 1 :] for c in group}
        own = {
            name: mask
            for name, mask in masks(shapes, 'train').items()
            if set(GROUPS[step]) & set(mask.ravel())
            and not (setting == 'sequential' and later & set(mask.ravel()))
        }
        assert content.num_pictures == len(own)
        for label in range(7):
            assert content.pixels[label] == sum((m == label).sum() for m in own.values())
            assert content.pictures[label] == sum((m == label).any() for m in own.values())
        earlier = [c for group in GROUPS[:step] for c in group]
        shown = {*GROUPS[step], *(earlier if setting == 'sequential' else [])}
        assert set(content.shown) == shown
        assert set(content.hidden(earlier)) == {
            c for c in earlier if c not in shown and content.pixels[c]
        }
        assert content.shared == len(before & set(own))
        assert content.tested == 0
        before |= set(own)


def test_tables_add_up_to_all_pixels(shapes: Path, tmp_path: Path) -> None:
    sequence = tiny_sequence(shapes, tmp_path)
    contents = read_step_contents(sequence)
    labelled = label_table_of_steps(sequence.task, contents)
    shift = shift_table(sequence.task, contents)
    for rows, row in zip(labelled.sections, shift.rows, strict=True):
        shares = [row[4], row[5], row[7], row[9], *(r[3] for r in rows)]
        assert sum(shares) == pytest.approx(100)
    assert 'ring in ' in shift.rows[0][8], 'a class that is learnt later hides at step 0'


def test_picture_tells_hidden_from_labelled(
    shapes: Path, tmp_path: Path, drawn: list[Figure]
) -> None:
    sequence = tiny_sequence(shapes, tmp_path)
    contents = read_step_contents(sequence)
    draw_background_shift(sequence.task, contents, tmp_path / 'shift.png')
    (axes,) = drawn[0].axes
    hatches = [patch.get_hatch() for patch in axes.patches]
    assert hatches[:6] == ['', '', '', '', '...', '...']
    assert hatches[6:12] == ['///', '///', '///', '///', '', '...']
    texts = [int(text.get_text()) for text in axes.texts]
    assert texts == [int(c.pictures[label]) for c in contents for label in range(1, 7)]
