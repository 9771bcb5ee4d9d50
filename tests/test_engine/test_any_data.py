"""Data sets that are not in the layout of VOC, and data sets within data sets, by config alone."""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from tiny import OPTIONS, assert_same_weights, leaf, run_until_killed

from mmseg_incremental.apis import RunOptions, load_sequence, plan_sequence, run_sequence

LEAF = """
_base_ = {base!r}
_train = dict(
    type='BaseSegDataset',
    data_prefix=dict(img_path='images/train', seg_map_path='labels/train'),
    img_suffix='.png',
    seg_map_suffix='_gt.png',
    pipeline={{{{_base_.train_pipeline}}}},
)
_other = dict(
    type='BaseSegDataset',
    data_root={shapes!r},
    ann_file='ImageSets/Segmentation/train.txt',
    data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
    pipeline={{{{_base_.train_pipeline}}}},
)
train_dataloader = dict(dataset=dict(_delete_=True, **{dataset}))
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='BaseSegDataset',
        data_prefix=dict(img_path='images/val', seg_map_path='labels/val'),
        img_suffix='.png',
        seg_map_suffix='_gt.png',
        test_mode=True,
        pipeline={{{{_base_.test_pipeline}}}},
    )
)
"""
WRAPPED = (
    "dict(type='RepeatDataset', times=2, "
    "dataset=dict(type='ConcatDataset', datasets=[_train, _other]))"
)


@pytest.fixture(scope='module')
def other_layout(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shapes as PNG in folders of their own, with another suffix for the labels."""
    root = tmp_path_factory.mktemp('other')
    for split in ('train', 'val'):
        for kind in ('images', 'labels'):
            (root / kind / split).mkdir(parents=True)
        for name in (shapes / f'ImageSets/Segmentation/{split}.txt').read_text().split():
            picture = Image.open(shapes / 'JPEGImages' / f'{name}.jpg')
            picture.save(root / 'images' / split / f'{name}.png')
            label = shapes / 'SegmentationClass' / f'{name}.png'
            shutil.copy(label, root / 'labels' / split / f'{name}_gt.png')
    return root


def write_leaf(folder: Path, shapes: Path, dataset: str) -> Path:
    path = folder / 'mine.py'
    path.write_text(LEAF.format(base=leaf(), shapes=str(shapes), dataset=dataset))
    return path


def options(root: Path) -> dict:
    return {'data_root': str(root), **OPTIONS}


@pytest.mark.slow
def test_another_layout_trains(shapes: Path, other_layout: Path, tmp_path: Path) -> None:
    path = write_leaf(tmp_path, shapes, '_train')
    before = sorted(p.name for p in other_layout.rglob('*'))
    sequence = load_sequence(path, options(other_layout), str(tmp_path / 'work'))
    results = run_sequence(sequence, RunOptions(steps=[0, 1]))
    assert list(results.steps[1]['IoU']) == [
        'background', 'disc', 'square', 'triangle', 'star', 'ring'
    ]  # fmt: skip
    assert sorted(p.name for p in other_layout.rglob('*')) == before, 'data are only read'


@pytest.mark.slow
def test_wrapped_data_sets_resume_to_identical_weights(
    shapes: Path, other_layout: Path, tmp_path: Path
) -> None:
    path = write_leaf(tmp_path, shapes, WRAPPED)
    whole = load_sequence(path, options(other_layout), str(tmp_path / 'whole'))
    results = run_sequence(whole, RunOptions(steps=[0, 1]))
    alone = load_sequence(
        write_leaf(tmp_path, shapes, '_train'), options(other_layout), str(tmp_path / 'alone')
    )
    first = plan_sequence(alone)[0]
    assert results.steps[0]['num_images'] == 4 * first.num_images, 'two of a kind, twice each'
    path = write_leaf(tmp_path, shapes, WRAPPED)
    run_until_killed(other_layout, tmp_path / 'killed', step=1, iteration=5, config=str(path))
    again = load_sequence(path, options(other_layout), str(tmp_path / 'killed'))
    run_sequence(again, RunOptions(steps=[0, 1], resume=True))
    assert_same_weights(tmp_path / 'whole', tmp_path / 'killed', steps=2)
