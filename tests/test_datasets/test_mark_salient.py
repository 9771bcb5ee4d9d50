import numpy as np
import pytest
from mmcv.transforms import LoadAnnotations
from mmseg.registry import TRANSFORMS
from PIL import Image

from mmseg_incremental.datasets import MarkSalient, insert_after_labels
from mmseg_incremental.errors import InputError

LABELS = np.array([[0, 0, 5], [255, 5, 0]], dtype=np.uint8)
SALIENT = np.array([[0, 200, 255], [255, 0, 1]], dtype=np.uint8)


def mark(folder, labels=LABELS, **options):
    transform = TRANSFORMS.build(dict(type='MarkSalient', folder=str(folder), label=6, **options))
    return transform(dict(img_path='/any/where/picture.jpg', gt_seg_map=labels))['gt_seg_map']


def test_salient_background_gets_the_label(tmp_path):
    Image.fromarray(SALIENT).save(tmp_path / 'picture.png')
    kept = LABELS.copy()
    made = mark(tmp_path)
    assert made.tolist() == [[0, 6, 5], [255, 5, 6]]
    assert made.dtype == np.uint8
    assert np.array_equal(LABELS, kept)


def test_a_picture_without_a_map_is_named(tmp_path):
    with pytest.raises(InputError, match=r'picture\.png: .* missing or broken'):
        mark(tmp_path)
    (tmp_path / 'picture.png').write_text('no picture')
    with pytest.raises(InputError, match='missing or broken'):
        mark(tmp_path)


def test_a_map_of_another_size_is_refused(tmp_path):
    Image.fromarray(SALIENT[:, :2]).save(tmp_path / 'picture.png')
    with pytest.raises(InputError, match=r'\(2, 2\) pixels, but the labels have \(2, 3\)'):
        mark(tmp_path)


@pytest.mark.parametrize('label', [0, 255, -1])
def test_a_label_that_means_something_else_is_refused(label):
    with pytest.raises(InputError, match='1 to 254'):
        MarkSalient('maps', label)


def test_it_goes_after_the_labels_wherever_they_are_loaded():
    mark = dict(type='MarkSalient', folder='maps', label=3)
    load = [dict(type='LoadImageFromFile'), dict(type='mmseg.LoadAnnotations')]
    pipeline = [
        *load,
        dict(type='RandomApply', transforms=[dict(type=LoadAnnotations), dict(type='Resize')]),
        dict(type='PackSegInputs'),
    ]
    before = [dict(part) for part in pipeline]
    made = insert_after_labels(pipeline, [mark])
    kinds = [part['type'] for part in made]
    assert kinds == ['LoadImageFromFile', 'mmseg.LoadAnnotations', 'MarkSalient', 'RandomApply',
                     'PackSegInputs']  # fmt: skip
    inner = [part['type'] for part in made[3]['transforms']]
    assert inner == [LoadAnnotations, 'MarkSalient', 'Resize']
    assert pipeline == before
    assert insert_after_labels(pipeline, []) == pipeline
