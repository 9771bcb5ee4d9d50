"""The augmented pipeline of the paper's table 3, through its config."""

import copy
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmseg.registry import DATASETS
from PIL import Image
from tiny import ROOT

from mmseg_incremental.datasets import Draw
from mmseg_incremental.sequence import load_sequence
from mmseg_incremental.utils.distance_map import boundary_distance_map

OFFLINE = ROOT / 'configs' / 'bisenet_r101_voc_offline.py'
GEOMETRY = ('CenterCrop', 'RandomRotate', 'RandomFlip')

pytestmark = [
    pytest.mark.usefixtures('keep_generators'),
    pytest.mark.filterwarnings('ignore:Default ``avg_non_ignore`` is False'),
]

# height and width: larger than the crop, smaller in both, one or the other, and exactly fitting
SHAPES = {
    'large': (70, 90),
    'small': (20, 25),
    'flat': (30, 90),
    'narrow': (90, 30),
    'fitting': (40, 56),
}
CROP = (40, 56)


def blobs(height, width):
    """Labels of large rectangles without void, background all around."""
    labels = np.zeros((height, width), dtype=np.uint8)
    labels[height // 5 : height // 2, width // 6 : width // 2] = 15
    labels[height // 2 : -height // 6, width // 3 : -width // 6] = 7
    return labels


@pytest.fixture
def root(make_voc):
    masks = {name: blobs(*shape) for name, shape in SHAPES.items()}
    root = make_voc(masks)
    for name, labels in masks.items():
        # the label is the brightness; a PNG under the name of the picture loses nothing
        picture = np.repeat(10 + 10 * labels[..., None], 3, axis=2)
        Image.fromarray(picture).save(root / 'JPEGImages' / f'{name}.jpg', format='PNG')
    return root


def build(root, leave_out=(), crop_size=CROP, **changes):
    options = {'data_root': str(root), 'crop_size': crop_size, 'dataset': 'voc_augmented'}
    step = load_sequence(OFFLINE, {**options, **changes}, str(root)).step(0)
    dataset = copy.deepcopy(step.config.train_dataloader.dataset)
    dataset.pipeline = [t for t in dataset.pipeline if t.type not in leave_out]
    return DATASETS.build(dict(dataset, serialize_data=False))


def transforms_of(dataset):
    (leaf,) = dataset.leaves
    return leaf.pipeline.transforms


def samples(dataset, seeds=range(4)):
    """Name, picture (H, W, 3) and labels (H, W) of every picture under every seed."""
    for index in range(len(dataset)):
        for seed in seeds:
            packed = dataset[Draw(index, seed)]
            name = Path(packed['data_samples'].img_path).stem
            picture = packed['inputs'].permute(1, 2, 0).numpy()
            yield name, picture, packed['data_samples'].gt_sem_seg.data[0].numpy()


def test_order_is_that_of_the_paper(root):
    names = [type(transform).__name__ for transform in transforms_of(build(root))]
    assert names == [
        'LoadImageFromFile', 'LoadAnnotations', 'MapLabels', 'CenterCrop', 'RandomRotate',
        'PhotoMetricDistortion', 'RandomFlip', 'PackSegInputs',
    ]  # fmt: skip


@pytest.mark.parametrize('crop_size', [CROP, (56, 40), (33, 33)])
def test_every_sample_has_exactly_the_crop_size(root, crop_size):
    seen = set()
    for name, picture, labels in samples(build(root, crop_size=crop_size)):
        assert picture.shape == (*crop_size, 3), name
        assert labels.shape == crop_size, name
        seen.add(name)
    assert seen == set(SHAPES)


def test_label_and_picture_move_together(root):
    covered = set()
    for name, picture, labels in samples(build(root, leave_out=['PhotoMetricDistortion'])):
        # the picture is interpolated, so it is compared where one label surrounds a pixel
        values = labels.astype(np.uint8)
        window = np.ones((5, 5), np.uint8)
        inner = cv2.erode(values, window) == cv2.dilate(values, window)
        inner[:2] = inner[-2:] = inner[:, :2] = inner[:, -2:] = False
        brightness = np.where(values == 255, 0, 10 + 10 * values.astype(int))
        assert inner.mean() > 0.4
        np.testing.assert_array_equal(picture[inner], np.stack([brightness] * 3, -1)[inner])
        covered |= {(name, label) for label in np.unique(values[inner])}
    assert covered >= {(name, label) for name in SHAPES for label in (0, 7, 15)}
    assert {('small', 255), ('flat', 255), ('narrow', 255)} <= covered


def test_centre_is_cut_out_and_padding_is_void(root):
    dataset = build(root, leave_out=['PhotoMetricDistortion', 'RandomRotate', 'RandomFlip'])
    height, width = CROP
    for name, picture, labels in samples(dataset, seeds=[0]):
        mask = blobs(*SHAPES[name])
        padded = np.full([max(*pair) for pair in zip(SHAPES[name], CROP, strict=True)], 255)
        padded[: mask.shape[0], : mask.shape[1]] = mask
        top, left = (padded.shape[0] - height) // 2, (padded.shape[1] - width) // 2
        expected = padded[top : top + height, left : left + width]
        np.testing.assert_array_equal(labels, expected)
        assert not picture[labels == 255].any(), 'padding is black'


@pytest.mark.parametrize('protocol', ['paper', 'plop'])
def test_void_of_the_data_set_follows_the_protocol_and_padding_does_not(root, protocol):
    path = root / 'SegmentationClass' / 'small.png'
    mask = blobs(20, 25)
    mask[:2] = 255
    Image.fromarray(mask).save(path)
    dataset = build(root, leave_out=['RandomRotate', 'RandomFlip'], protocol=protocol)
    (labels,) = (labels for name, _, labels in samples(dataset, [0]) if name == 'small')
    assert (labels[:2, :25] == (0 if protocol == 'paper' else 255)).all()
    assert (labels[20:] == 255).all()
    assert (labels[:, 25:] == 255).all()
    assert (labels[2:20, :25] != 255).all()


def test_corners_of_a_rotation_are_void(root):
    dataset = build(root, leave_out=['PhotoMetricDistortion', 'RandomFlip'])
    (rotate,) = (t for t in transforms_of(dataset) if type(t).__name__ == 'RandomRotate')
    rotate.degree = (10.0, 10.0)
    for name, _, labels in samples(dataset, seeds=[0]):
        if name not in ('large', 'fitting'):
            continue  # the others have padding as well
        # pixel centres that a turn by 10 degrees brings in from outside
        rows, columns = np.mgrid[:40, :56] - np.array([19.5, 27.5])[:, None, None]
        cos, sin = math.cos(math.radians(10)), math.sin(math.radians(10))
        row, column = cos * rows - sin * columns, sin * rows + cos * columns
        outside = np.maximum(abs(row) - 19.5, abs(column) - 27.5)
        assert (labels[outside > 1] == 255).all()
        assert (labels[outside < -1] != 255).all()
        assert (labels == 255).sum() > 100


def test_rotation_is_random_within_10_degrees_and_the_flip_is_fair(root):
    dataset = build(root)
    rotate, flip = (
        next(t for t in transforms_of(dataset) if type(t).__name__ == name)
        for name in ('RandomRotate', 'RandomFlip')
    )
    assert (rotate.prob, rotate.degree) == (1.0, (-10.0, 10.0))
    assert flip.prob == 0.5
    flips = [dataset[Draw(0, seed)]['data_samples'].flip for seed in range(20)]
    assert 4 < sum(flips) < 16


def test_jitter_changes_the_picture_only(root):
    whole, plain = build(root), build(root, leave_out=['PhotoMetricDistortion'])
    for transform in (t for data in (whole, plain) for t in transforms_of(data)):
        if type(transform).__name__ == 'RandomFlip':
            transform.prob = 1.0  # the jitter draws numbers before the flip does
    changed = 0
    for one, other in zip(samples(whole), samples(plain), strict=True):
        np.testing.assert_array_equal(one[2], other[2])
        changed += not np.array_equal(one[1], other[1])
    assert changed > len(SHAPES)


def test_map_of_distances_follows_the_augmented_crop(root):
    dataset = build(root, **{'method.loss': dict(type='DistancePenalizedCrossEntropy')})
    for index in range(len(dataset)):
        sample = dataset[Draw(index, 0)]['data_samples']
        labels = sample.gt_sem_seg.data[0].numpy()
        expected = boundary_distance_map(labels, ignore_index=255, sigma=5.0)
        np.testing.assert_array_equal(sample.gt_distance_map.data[0].numpy(), expected)
        assert expected.any()
        assert not expected[labels == 255].any()


@pytest.mark.parametrize('backbone', ['r18', 'r50', 'r101'])
def test_it_changes_the_training_pipeline_only(backbone):
    options = {'model': f'bisenet_{backbone}', 'schedule': f'paper_{backbone}'}
    plain, augmented = (
        load_sequence(OFFLINE, {**options, 'dataset': dataset}, 'x').step(0).config
        for dataset in ('voc', 'voc_augmented')
    )
    plain, augmented = (copy.deepcopy(cfg._cfg_dict.to_dict()) for cfg in (plain, augmented))
    pipelines = [cfg['train_dataloader']['dataset'].pop('pipeline') for cfg in (plain, augmented)]
    assert pipelines[0] != pipelines[1]
    assert plain == augmented


def test_every_crop_of_a_pipeline_gets_its_own_order_of_edges():
    names = ('CenterCrop', 'RandomCrop', 'mmcv.CenterCrop')
    crops = [dict(type=name, crop_size=None) for name in names]
    options = {'crop_size': (96, 128), 'train_dataloader.dataset.pipeline': crops}
    sequence = load_sequence(OFFLINE, {'dataset': 'voc_augmented', **options})
    pipeline = sequence.step(0).config.train_dataloader.dataset.pipeline
    sizes = [(t.type, t.crop_size) for t in pipeline if 'crop_size' in t]
    assert sizes == [
        ('CenterCrop', (128, 96)), ('RandomCrop', (96, 128)), ('mmcv.CenterCrop', (128, 96)),
    ]  # fmt: skip
