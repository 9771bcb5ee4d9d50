"""The data set of a step on real pictures, against masks read with Pillow and NumPy alone."""

import numpy as np
import pytest
from PIL import Image
from reference.labels import evaluation_label, map_labels, training_label

from mmseg_incremental.datasets import IncrementalVOCDataset

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
NUM_PICTURES = 150
TASK = dict(dataset='voc', name='15-5s')
GROUPS = [list(range(1, 16)), [16], [17], [18], [19], [20]]


@pytest.fixture
def masks(voc_mini):
    """Masks of the first pictures of the training list, which is written to ``first.txt``."""
    listed = (voc_mini / 'ImageSets/Segmentation/train_aug.txt').read_text().split()
    ids = listed[:NUM_PICTURES]
    (voc_mini / 'first.txt').write_text('\n'.join(ids))
    return {i: np.asarray(Image.open(voc_mini / f'SegmentationClass/{i}.png')) for i in ids}


def build(root, step, **kwargs):
    # serializing collects garbage, which takes a third of a second every time
    return IncrementalVOCDataset(
        task=TASK,
        step=step,
        data_root=str(root),
        ann_file='first.txt',
        pipeline=PIPELINE,
        serialize_data=False,
        **kwargs,
    )


def ids_of(dataset):
    paths = [dataset.get_data_info(i)['img_path'] for i in range(len(dataset))]
    return [path.rpartition('/')[2].removesuffix('.jpg') for path in paths]


def test_pictures_per_step(voc_mini, masks):
    held = {key: set(np.unique(mask).tolist()) - {0, 255} for key, mask in masks.items()}
    for step, group in enumerate(GROUPS):
        overlapped = [key for key in held if held[key] & set(group)]
        assert len(overlapped) > 2
        assert ids_of(build(voc_mini, step)) == overlapped
        disjoint = [key for key in overlapped if max(held[key]) <= group[-1]]
        assert ids_of(build(voc_mini, step, setting='disjoint')) == disjoint
        seen = [key for key in held if held[key] and min(held[key]) <= group[-1]]
        assert ids_of(build(voc_mini, step, test_mode=True)) == seen


def test_labels_of_pictures_with_old_current_and_future_classes(voc_mini, masks):
    step = 3
    mixed = [
        key
        for key, mask in masks.items()
        if {18, 255} <= set(np.unique(mask).tolist()) and np.isin(mask, range(1, 18)).any()
    ]
    assert mixed
    # in the sequential setting no picture holds a class of a later step
    alone = [key for key in mixed if not {19, 20} & set(np.unique(masks[key]).tolist())]
    for keys, setting, preset, void, future in (
        (mixed, 'overlapped', 'mib', 'background', 'ignore'),
        (alone, 'sequential', 'plop', 'ignore', 'background'),
    ):
        key = max(keys, key=lambda k: len(np.unique(masks[k])))
        dataset = build(voc_mini, step, setting=setting, protocol=preset)
        item = dataset[ids_of(dataset).index(key)]
        found = item['data_samples'].gt_sem_seg.data[0].numpy()
        expected = map_labels(masks[key], training_label, GROUPS, step, setting, void)
        np.testing.assert_array_equal(found, expected)
        assert item['inputs'].shape[1:] == found.shape

        dataset = build(voc_mini, step, setting=setting, protocol=preset, test_mode=True)
        item = dataset[ids_of(dataset).index(key)]
        found = item['data_samples'].gt_sem_seg.data[0].numpy()
        expected = map_labels(masks[key], evaluation_label, GROUPS, step, future)
        np.testing.assert_array_equal(found, expected)
