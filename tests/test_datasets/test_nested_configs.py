"""Walking configs of data sets within data sets and transforms within transforms."""

from mmengine.config import Config

from mmseg_incremental.datasets import leaf_datasets, nested_transforms

CROP = dict(type='RandomCrop', crop_size=None)
FLIP = dict(type='RandomFlip', prob=0.5)
LOAD = dict(type='LoadAnnotations')


def leaf(name, *pipeline):
    return dict(type=name, pipeline=list(pipeline))


NESTED = dict(
    type='StepDataset',
    dataset=dict(
        type='RepeatDataset',
        times=2,
        dataset=dict(
            type='ConcatDataset',
            datasets=[
                leaf('A', LOAD, CROP),
                dict(type='ClassBalancedDataset', dataset=leaf('B', CROP)),
            ],
        ),
    ),
)


def test_leaves_in_their_order():
    assert [found['type'] for found in leaf_datasets(NESTED)] == ['A', 'B']
    assert [found['type'] for found in leaf_datasets(leaf('A'))] == ['A']


def test_transforms_of_all_leaves():
    assert [t['type'] for t in nested_transforms(NESTED)] == [
        'LoadAnnotations', 'RandomCrop', 'RandomCrop',
    ]  # fmt: skip


def test_transforms_within_transforms():
    pipeline = [
        dict(type='RandomApply', transforms=[CROP]),
        dict(type='RandomChoice', transforms=[[FLIP, CROP], [LOAD]]),
        dict(type='TestTimeAug', transforms=[[FLIP], [dict(type='RandomApply', transforms=CROP)]]),
        len,
    ]
    assert [t['type'] for t in nested_transforms(leaf('A', *pipeline))] == [
        'RandomApply', 'RandomCrop', 'RandomChoice', 'RandomFlip', 'RandomCrop', 'LoadAnnotations',
        'TestTimeAug', 'RandomFlip', 'RandomApply', 'RandomCrop',
    ]  # fmt: skip
    assert list(nested_transforms(dict(type='A'))) == []


def test_what_is_found_is_the_config_itself():
    """Two leaves with one pipeline get their own, so that nothing is done to it twice."""
    pipeline = [LOAD, CROP]
    parts = [leaf('A', *pipeline), leaf('B', *pipeline)]
    cfg = Config(dict(data=dict(type='ConcatDataset', datasets=parts)))
    for found in leaf_datasets(cfg.data):
        found.pipeline.append(dict(type='PackSegInputs'))
    for transform in nested_transforms(cfg.data):
        if 'crop_size' in transform:
            transform.crop_size = (4, 5)
    expected = [LOAD, dict(CROP, crop_size=(4, 5)), dict(type='PackSegInputs')]
    assert [part.pipeline for part in cfg.data.datasets] == [expected, expected]
