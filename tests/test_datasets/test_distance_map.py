import math

import numpy as np
import pytest
import reference.losses as loops
import torch
from mmengine.dataset import Compose
from mmseg.registry import TRANSFORMS
from mmseg.structures import SegDataSample

from mmseg_incremental.datasets import AddDistanceMap
from mmseg_incremental.errors import InputError


def packed(labels, transforms=(), **options):
    """Run labels, and a picture that is the labels, through a pipeline that ends with the map."""
    pipeline = [*transforms, dict(type='PackSegInputs'), dict(type='AddDistanceMap', **options)]
    labels = np.asarray(labels, dtype=np.uint8)
    picture = np.repeat(labels[..., None], 3, axis=2)
    results = dict(
        img=picture, gt_seg_map=labels, img_shape=labels.shape, seg_fields=['gt_seg_map']
    )
    return Compose([TRANSFORMS.build(cfg) for cfg in pipeline])(results)['data_samples']


def test_map_by_hand():
    sample = packed([[3, 3, 255, 7]], sigma=2.0)
    data = sample.gt_distance_map.data
    assert isinstance(sample, SegDataSample)
    assert data.dtype == torch.float32
    assert data.shape == sample.gt_sem_seg.data.shape == (1, 1, 4)
    expected = [math.exp(-1.5), math.exp(-1), 0, math.exp(-1)]
    assert data.flatten().tolist() == pytest.approx(expected)
    assert sample.gt_sem_seg.data.flatten().tolist() == [3, 3, 255, 7]


def test_old_labels_are_background():
    labels = [[3, 0, 255, 7]]
    merged = packed(labels, num_old=4, sigma=2.0)
    expected = [math.exp(-1.5), math.exp(-1), 0, math.exp(-1)]
    assert merged.gt_distance_map.data.flatten().tolist() == pytest.approx(expected)
    assert merged.gt_sem_seg.data.flatten().tolist() == labels[0], 'the labels are left alone'
    sample = packed([[5, 0, 2]], ignore_index=2, num_old=4, sigma=1.0)
    expected = [math.exp(-1), math.exp(-1), 0]
    assert sample.gt_distance_map.data.flatten().tolist() == pytest.approx(expected)


def test_map_is_that_of_the_crop():
    labels = np.zeros((40, 60), dtype=np.uint8)
    labels[10:30, 20:50] = 5
    labels[18, 25:35] = 255
    np.random.seed(0)
    transforms = [
        dict(type='RandomCrop', crop_size=(20, 24)),
        dict(type='RandomRotate', prob=1.0, degree=30.0, seg_pad_val=255),
        dict(type='RandomFlip', prob=1.0),
    ]
    sample = packed(labels, transforms, sigma=3.0)
    crop = sample.gt_sem_seg.data.numpy()
    assert crop.shape == (1, 20, 24)
    assert set(np.unique(crop)) == {0, 5, 255}
    expected = loops.boundary_distance_map(crop, 255, 3.0)
    np.testing.assert_allclose(sample.gt_distance_map.data.numpy(), expected, rtol=1e-6)
    assert not sample.gt_distance_map.data[sample.gt_sem_seg.data == 255].any()


@pytest.mark.parametrize('sigma', [0, -3, math.nan, 'wide'])
def test_sigma_that_is_no_distance_is_refused(sigma):
    with pytest.raises(InputError, match='sigma must be a number of pixels above 0'):
        TRANSFORMS.build(dict(type='AddDistanceMap', sigma=sigma))


def test_place_in_the_pipeline_is_checked():
    transform = AddDistanceMap()
    with pytest.raises(InputError, match='after PackSegInputs'):
        transform(dict(gt_seg_map=np.zeros((2, 2))))
    with pytest.raises(InputError, match='after PackSegInputs'):
        transform(dict(data_samples=SegDataSample()))
    with pytest.raises(InputError, match='two AddDistanceMap'):
        transform(dict(data_samples=packed([[0, 1]])))


def test_repr_tells_the_options():
    text = repr(AddDistanceMap(sigma=2.0, num_old=3))
    assert text == 'AddDistanceMap(sigma=2.0, ignore_index=255, num_old=3)'
