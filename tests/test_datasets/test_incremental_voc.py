"""The data set of a step: its pictures, labels, names and colours, and its errors."""

import functools
import itertools
import random

import numpy as np
import pytest
import torch
from mmengine.dataset import sampler as mmengine_sampler
from mmengine.runner import Runner
from mmseg.datasets import PascalVOCDataset
from mmseg.registry import DATASETS

from mmseg_incremental.datasets import DataError, IncrementalVOCDataset, class_index
from mmseg_incremental.tasks import build_task, get_task

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
LIST = 'ImageSets/Segmentation/train_aug.txt'

# The task: step 0 learns 15 and 1 (channels 1 and 2), step 1 learns 20 (channel 3), step 2 learns
# 16 and 17 (channels 4 and 5). Class 7 is in no group.
TASK = dict(dataset='voc', name='tiny', groups=[[15, 1], [20], [16, 17]])
MIXED = np.array(
    [
        [0, 1, 1, 15, 15, 255, 0, 0],
        [0, 1, 20, 20, 15, 255, 7, 0],
        [0, 0, 20, 20, 16, 16, 7, 0],
        [0, 0, 0, 17, 16, 16, 0, 0],
        [255, 0, 0, 17, 17, 0, 0, 20],
        [255, 255, 0, 0, 0, 0, 1, 15],
    ]
)


def filled(*values):
    """A mask of 6x8 pixels whose columns hold the values in turn."""
    return np.tile(np.resize(values, 8), (6, 1))


MASKS = {
    'mixed': MIXED,
    'old': filled(0, 15, 255),
    'old_new': filled(0, 1, 20),
    'new': filled(20, 7),
    'future': filled(16, 0),
    'new_future': filled(20, 17),
    'nothing': filled(0, 255, 7),
}
SELECTED = {
    'overlapped': {
        0: ['mixed', 'old', 'old_new'],
        1: ['mixed', 'old_new', 'new', 'new_future'],
        2: ['mixed', 'future', 'new_future'],
    },
    'disjoint': {
        0: ['old'],
        1: ['old_new', 'new'],
        2: ['mixed', 'future', 'new_future'],
    },
}
SELECTED['sequential'] = SELECTED['disjoint']


@pytest.fixture
def root(make_voc):
    return make_voc(MASKS)


def build(root, step, task=TASK, pipeline=PIPELINE, serialize_data=False, **kwargs):
    # serializing collects garbage, which takes a third of a second every time
    return IncrementalVOCDataset(
        task=task,
        step=step,
        data_root=str(root),
        pipeline=pipeline,
        serialize_data=serialize_data,
        **kwargs,
    )


def names(dataset):
    paths = [dataset.get_data_info(i)['img_path'] for i in range(len(dataset))]
    return [path.rpartition('/')[2].removesuffix('.jpg') for path in paths]


def labels(dataset, name):
    sample = dataset[names(dataset).index(name)]['data_samples']
    return sample.gt_sem_seg.data[0].numpy()


# Training


@pytest.mark.parametrize('setting', SELECTED)
@pytest.mark.parametrize('step', range(3))
def test_training_pictures(root, setting, step):
    assert names(build(root, step, setting=setting)) == SELECTED[setting][step]


@pytest.mark.parametrize('setting', ['overlapped', 'disjoint'])
@pytest.mark.parametrize(('preset', 'void'), [('mib', 0), ('paper', 0), ('plop', 255)])
def test_training_labels_at_the_last_step(root, setting, preset, void):
    v = void
    found = labels(build(root, 2, setting=setting, protocol=preset), 'mixed')
    np.testing.assert_array_equal(
        found,
        [
            [0, 0, 0, 0, 0, v, 0, 0],
            [0, 0, 0, 0, 0, v, 0, 0],
            [0, 0, 0, 0, 4, 4, 0, 0],
            [0, 0, 0, 5, 4, 4, 0, 0],
            [v, 0, 0, 5, 5, 0, 0, 0],
            [v, v, 0, 0, 0, 0, 0, 0],
        ],
    )


@pytest.mark.parametrize(('preset', 'void'), [('mib', 0), ('paper', 0), ('plop', 255)])
def test_training_labels_at_a_middle_step(root, preset, void):
    v = void
    found = labels(build(root, 1, protocol=preset), 'mixed')
    np.testing.assert_array_equal(
        found,
        [
            [0, 0, 0, 0, 0, v, 0, 0],
            [0, 0, 3, 3, 0, v, 0, 0],
            [0, 0, 3, 3, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 0],
            [v, 0, 0, 0, 0, 0, 0, 3],
            [v, v, 0, 0, 0, 0, 0, 0],
        ],
    )


@pytest.mark.parametrize(('preset', 'void'), [('mib', 0), ('paper', 0), ('plop', 255)])
def test_training_labels_keep_old_classes_in_the_sequential_setting(root, preset, void):
    v = void
    found = labels(build(root, 1, setting='sequential', protocol=preset), 'old_new')
    np.testing.assert_array_equal(found, filled(0, 2, 3))
    found = labels(build(root, 2, setting='sequential', protocol=preset), 'mixed')
    np.testing.assert_array_equal(
        found,
        [
            [0, 2, 2, 1, 1, v, 0, 0],
            [0, 2, 3, 3, 1, v, 0, 0],
            [0, 0, 3, 3, 4, 4, 0, 0],
            [0, 0, 0, 5, 4, 4, 0, 0],
            [v, 0, 0, 5, 5, 0, 0, 3],
            [v, v, 0, 0, 0, 0, 2, 1],
        ],
    )


@pytest.mark.parametrize('setting', SELECTED)
@pytest.mark.parametrize(('preset', 'void'), [('mib', 0), ('paper', 0), ('plop', 255)])
def test_training_labels_at_the_first_step(root, setting, preset, void):
    found = labels(build(root, 0, setting=setting, protocol=preset), 'old')
    np.testing.assert_array_equal(found, filled(0, 1, void))


# Evaluation


@pytest.mark.parametrize('setting', SELECTED)
@pytest.mark.parametrize(('preset', 'f'), [('mib', 255), ('paper', 255), ('plop', 0)])
def test_evaluation_labels_at_a_middle_step(root, setting, preset, f):
    found = labels(build(root, 1, setting=setting, protocol=preset, test_mode=True), 'mixed')
    np.testing.assert_array_equal(
        found,
        [
            [0, 2, 2, 1, 1, 255, 0, 0],
            [0, 2, 3, 3, 1, 255, 0, 0],
            [0, 0, 3, 3, f, f, 0, 0],
            [0, 0, 0, f, f, f, 0, 0],
            [255, 0, 0, f, f, 0, 0, 3],
            [255, 255, 0, 0, 0, 0, 2, 1],
        ],
    )


@pytest.mark.parametrize('preset', ['mib', 'paper', 'plop'])
def test_evaluation_labels_at_the_last_step(root, preset):
    found = labels(build(root, 2, protocol=preset, test_mode=True), 'mixed')
    np.testing.assert_array_equal(
        found,
        [
            [0, 2, 2, 1, 1, 255, 0, 0],
            [0, 2, 3, 3, 1, 255, 0, 0],
            [0, 0, 3, 3, 4, 4, 0, 0],
            [0, 0, 0, 5, 4, 4, 0, 0],
            [255, 0, 0, 5, 5, 0, 0, 3],
            [255, 255, 0, 0, 0, 0, 2, 1],
        ],
    )


@pytest.mark.parametrize('setting', SELECTED)
def test_evaluated_pictures_hold_a_class_learnt_so_far(root, setting):
    seen = [names(build(root, t, setting=setting, test_mode=True)) for t in range(3)]
    assert seen == [
        ['mixed', 'old', 'old_new'],
        ['mixed', 'old', 'old_new', 'new', 'new_future'],
        ['mixed', 'old', 'old_new', 'new', 'future', 'new_future'],
    ]


def test_all_pictures_may_be_evaluated(root):
    every = dict(preset='mib', test_images='all')
    for step in range(3):
        dataset = build(root, step, protocol=every, test_mode=True)
        assert names(dataset) == list(MASKS)
    found = labels(build(root, 0, protocol=every, test_mode=True), 'new')
    np.testing.assert_array_equal(found, filled(255, 0))


# What a step shows of itself


@pytest.mark.parametrize('test_mode', [False, True])
def test_names_and_colours_follow_the_order_of_learning(root, test_mode):
    voc = dict(
        zip(PascalVOCDataset.METAINFO['classes'], PascalVOCDataset.METAINFO['palette'], strict=True)
    )
    expected = ['background', 'person', 'aeroplane', 'tvmonitor', 'pottedplant', 'sheep']
    for step, count in enumerate([3, 4, 6]):
        meta = build(root, step, test_mode=test_mode).metainfo
        assert list(meta['classes']) == expected[:count]
        assert meta['palette'] == [voc[name] for name in expected[:count]]


def test_names_and_colours_of_a_shuffled_order(make_voc):
    root = make_voc({'a': filled(*range(1, 21)), 'b': np.arange(24).reshape(6, 4) % 21})
    order = np.random.default_rng(1).permutation(np.arange(1, 21)).tolist()
    voc = PascalVOCDataset.METAINFO
    meta = build(root, 3, get_task('voc', '5-3', order)).metainfo
    assert list(meta['classes']) == [voc['classes'][i] for i in [0, *order[:14]]]
    assert meta['palette'] == [voc['palette'][i] for i in [0, *order[:14]]]


def test_colours_of_another_data_set(make_voc):
    root = make_voc({'a': filled(0, 1, 2)})
    task = dict(dataset='mine', name='1-1', classes=['cat', 'dog'], class_order=['dog', 'cat'])
    dataset = build(root, 1, task, test_mode=True)
    assert dataset.metainfo['classes'] == ('background', 'dog', 'cat')
    assert dataset.metainfo['palette'] == [[0, 0, 0], [0, 128, 0], [128, 0, 0]]
    np.testing.assert_array_equal(labels(dataset, 'a'), filled(0, 2, 1))


def test_task_as_object_and_as_dict(root):
    first, second = build(root, 1, TASK), build(root, 1, build_task(TASK))
    assert first.metainfo == second.metainfo
    assert names(first) == names(second)
    np.testing.assert_array_equal(labels(first, 'mixed'), labels(second, 'mixed'))


def test_is_built_from_the_registry(root):
    dataset = DATASETS.build(
        dict(type='IncrementalVOCDataset', task=TASK, step=1, setting='disjoint',
             data_root=str(root), pipeline=PIPELINE)
    )  # fmt: skip
    assert names(dataset) == ['old_new', 'new']


def test_a_picture_gives_the_same_labels_every_time(root):
    dataset = build(root, 1)
    first = labels(dataset, 'mixed').copy()
    for _ in range(3):
        np.testing.assert_array_equal(labels(dataset, 'mixed'), first)
    np.testing.assert_array_equal(labels(build(root, 2), 'mixed'), labels(build(root, 2), 'mixed'))


def test_only_void_of_the_mask_is_mapped_padding_stays_ignored(root):
    pad = dict(type='Pad', size=(9, 7), pad_val=dict(img=0, seg=255))
    pipeline = [*PIPELINE[:2], pad, PIPELINE[2]]
    found = labels(build(root, 0, pipeline=pipeline), 'old')
    assert found.shape == (7, 9)
    np.testing.assert_array_equal(found[:6, :8], filled(0, 1, 0))
    assert (found[6] == 255).all()
    assert (found[:, 8] == 255).all()


@pytest.mark.parametrize(
    'loading',
    [
        dict(type='RandomApply', transforms=[PIPELINE[1]], prob=1.0),
        dict(type='RandomChoice', transforms=[[PIPELINE[1]], [PIPELINE[1]]]),
        dict(
            type='RandomApply',
            transforms=[dict(type='RandomChoice', transforms=[[PIPELINE[1]]])],
            prob=1.0,
        ),
    ],
)
def test_labels_loaded_within_another_transform_are_mapped(root, loading):
    dataset = build(root, 0, pipeline=[PIPELINE[0], loading, PIPELINE[2]])
    np.testing.assert_array_equal(labels(dataset, 'old'), filled(0, 1, 0))


def test_labels_of_the_stock_test_time_augmentation_are_mapped(root):
    flips = [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)]
    augment = dict(type='TestTimeAug', transforms=[flips, [PIPELINE[1]], [PIPELINE[2]]])
    dataset = build(root, 1, pipeline=[PIPELINE[0], augment], test_mode=True)
    samples = dataset[names(dataset).index('new_future')]['data_samples']
    assert len(samples) == 2
    for sample in samples:
        np.testing.assert_array_equal(sample.gt_sem_seg.data[0].numpy(), filled(3, 255))


def test_pictures_without_annotations_in_the_pipeline(root):
    dataset = build(root, 1, pipeline=[PIPELINE[0], PIPELINE[2]], test_mode=True)
    assert 'gt_sem_seg' not in dataset[0]['data_samples']
    assert dataset[0]['inputs'].shape == (3, 6, 8)


def test_indices_choose_among_the_pictures_of_the_list(root):
    assert names(build(root, 1, indices=3)) == ['mixed', 'old_new']
    assert names(build(root, 1, indices=[5, 1, 0])) == ['new_future', 'mixed']


def test_folders_and_list_can_be_elsewhere(root):
    (root / 'JPEGImages').rename(root / 'pictures')
    (root / 'SegmentationClass').rename(root / 'masks')
    (root / 'some.txt').write_text('old\nmixed\n')
    dataset = build(
        root, 0, ann_file='some.txt', data_prefix=dict(img_path='pictures', seg_map_path='masks')
    )
    assert names(dataset) == ['old', 'mixed']


def test_blank_lines_and_line_ends_of_windows(root):
    (root / LIST).write_bytes(b'\r\nold\r\n\r\nmixed  \r\n\n')
    assert names(build(root, 0)) == ['old', 'mixed']


@pytest.mark.parametrize('serialize_data', [False, True])
def test_knows_the_sizes_of_its_pictures(make_voc, serialize_data):
    root = make_voc({'a': filled(20), 'b': np.full((3, 5), 1), 'c': np.full((9, 2), 20)})
    for step, sizes in ((0, [(3, 5)]), (1, [(6, 8), (9, 2)])):
        dataset = build(root, step, serialize_data=serialize_data)
        assert dataset.picture_sizes() == sizes
        assert [dataset[i]['inputs'].shape[1:] for i in range(len(sizes))] == sizes
    assert build(root, 1, indices=[1, 2]).picture_sizes() == [(9, 2)]


def test_steps_and_lists_share_one_index(root, monkeypatch):
    build(root, 0)
    opened = []
    monkeypatch.setattr(class_index, 'inspect_sample', opened.append)
    (root / 'val.txt').write_text('new\nold\n')
    assert names(build(root, 1, setting='disjoint')) == ['old_new', 'new']
    assert names(build(root, 2, get_task('voc', '15-5s', range(20, 0, -1)), test_mode=True))
    assert names(build(root, 1, ann_file='val.txt', test_mode=True)) == ['new', 'old']
    assert opened == []


def test_another_class_order_selects_other_pictures(root):
    reverse = dict(TASK, groups=[[16, 17], [20], [15, 1]])
    assert names(build(root, 0)) == ['mixed', 'old', 'old_new']
    assert names(build(root, 0, reverse)) == ['mixed', 'future', 'new_future']


def test_nothing_is_written_beside_the_data(root):
    before = set(root.rglob('*'))
    build(root, 0)
    build(root, 1, test_mode=True)
    assert set(root.rglob('*')) == before


# Errors


@pytest.mark.parametrize('content', ['', '\n', ' \n\n  \n'])
@pytest.mark.parametrize('test_mode', [False, True])
def test_refuses_an_empty_list(root, content, test_mode):
    (root / LIST).write_text(content)
    with pytest.raises(DataError, match='the list is empty') as caught:
        build(root, 0, test_mode=test_mode)
    assert str(root / LIST) in str(caught.value)


@pytest.mark.parametrize(
    ('task', 'hint'),
    [
        (dict(dataset='voc', name='15-5'), 'prepare-voc'),
        (dict(dataset='shapes', name='4-1'), 'make-shapes {root} '),
        (dict(dataset='mine', name='1-1', classes=['a', 'b']), 'set data_root'),
    ],
)
def test_a_missing_data_root_says_how_to_get_the_data(tmp_path, task, hint):
    root = tmp_path / 'nowhere'
    with pytest.raises(DataError) as caught:
        build(root, 0, task)
    (problem,) = caught.value.problems
    assert problem.startswith(f'{root}: not found')
    assert hint.format(root=root) in problem


@pytest.mark.parametrize('folder', ['JPEGImages', 'SegmentationClass'])
def test_refuses_a_missing_folder(root, folder):
    (root / folder).rename(root / 'elsewhere')
    with pytest.raises(DataError) as caught:
        build(root, 0)
    (problem,) = caught.value.problems
    assert problem.startswith(f'{root / folder}: not found')


def test_refuses_a_missing_list(root):
    with pytest.raises(DataError) as caught:
        build(root, 0, ann_file='ImageSets/Segmentation/trainval.txt')
    (problem,) = caught.value.problems
    assert problem.startswith(f'{root}/ImageSets/Segmentation/trainval.txt: not found')


def test_names_everything_that_is_missing(root):
    (root / 'JPEGImages').rename(root / 'elsewhere')
    (root / LIST).unlink()
    with pytest.raises(DataError, match='2 problems') as caught:
        build(root, 0)
    assert [p.split(': ')[0] for p in caught.value.problems] == [
        str(root / 'JPEGImages'),
        str(root / LIST),
    ]


@pytest.mark.parametrize('setting', SELECTED)
def test_refuses_a_step_that_selects_no_picture(root, setting):
    task = dict(dataset='voc', name='rare', groups=[[15], [3, 4], [16]])
    with pytest.raises(DataError) as caught:
        build(root, 1, task, setting=setting)
    (problem,) = caught.value.problems
    assert 'step 1 (bird, boat)' in problem
    assert "'rare'" in problem
    assert 'none of its 7 pictures' in problem
    assert setting in problem
    assert str(root / LIST) in str(caught.value)


def test_refuses_a_disjoint_step_whose_pictures_all_hold_future_classes(make_voc):
    root = make_voc({'a': filled(15, 20), 'b': filled(20)})
    assert names(build(root, 0)) == ['a']
    with pytest.raises(DataError, match='step 0'):
        build(root, 0, setting='disjoint')


def test_refuses_an_evaluation_without_pictures(make_voc):
    root = make_voc({'a': filled(20), 'b': filled(0)})
    with pytest.raises(DataError, match='step 0'):
        build(root, 0, test_mode=True)
    assert names(build(root, 1, test_mode=True)) == ['a']


@pytest.mark.parametrize('test_mode', [False, True])
def test_refuses_broken_data_whatever_the_step(root, test_mode):
    """A picture that this step would not select is checked as well."""
    (root / 'SegmentationClass/future.png').unlink()
    (root / 'JPEGImages/nothing.jpg').write_bytes(b'')
    with pytest.raises(DataError) as caught:
        build(root, 0, test_mode=test_mode)
    assert len(caught.value.problems) == 2
    assert caught.value.problems[0] == f'{root}/SegmentationClass/future.png: mask not found'


def test_refuses_a_picture_of_the_list_that_is_not_there(root):
    with (root / LIST).open('a') as file:
        file.write('2007_999999\n')
    with pytest.raises(DataError, match=r'2007_999999\.jpg: picture not found'):
        build(root, 0)


def test_refuses_labels_outside_the_classes(make_voc):
    root = make_voc({'a': filled(1, 2, 3)})
    task = dict(dataset='mine', name='1-1', classes=['a', 'b'])
    with pytest.raises(DataError, match='label 3 is outside the classes'):
        build(root, 0, task)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(step=3), 'no step 3'),
        (dict(step=-1), 'no step -1'),
        (dict(setting='joint'), 'unknown setting'),
        (dict(protocol='ssul'), 'unknown protocol'),
        (dict(reduce_zero_label=True), 'reduce_zero_label'),
        (dict(protocol=dict(void=0)), 'protocol.void'),
        (dict(task=dict(dataset='voc', name='15-4')), '15-4'),
    ],
)
@pytest.mark.parametrize('test_mode', [False, True])
def test_refuses_unknown_choices_before_it_looks_at_data(tmp_path, change, message, test_mode):
    with pytest.raises(ValueError, match=message) as caught:
        build(tmp_path / 'nowhere', **{'step': 0, 'test_mode': test_mode, **change})
    assert not isinstance(caught.value, DataError)


# Loading: the stream depends on the seed alone


def draw_numbers(results):
    """A transform that draws from every generator."""
    results['drawn'] = (random.random(), np.random.rand(), torch.rand(()).item())
    return results


AUGMENTED = [
    *PIPELINE[:2],
    dict(type='RandomCrop', crop_size=(4, 5)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    draw_numbers,
    dict(type='PackSegInputs', meta_keys=('img_path', 'flip', 'drawn')),
]


def batches(root, count, num_workers=0, skip=0, seed=11):
    loader = Runner.build_dataloader(
        dict(
            dataset=build(root, 1, pipeline=AUGMENTED),
            sampler=dict(type='mmseg.SeededInfiniteSampler', shuffle=True),
            batch_size=2,
            num_workers=num_workers,
        ),
        seed=seed,
    )
    if skip:
        loader.sampler.skip(skip)
    return [
        (
            torch.stack(batch['inputs']),
            torch.stack([s.gt_sem_seg.data for s in batch['data_samples']]),
            [(s.img_path, s.flip, s.drawn) for s in batch['data_samples']],
        )
        for batch in itertools.islice(loader, count)
    ]


def assert_equal_batches(first, second):
    assert len(first) == len(second)
    for (inputs, gt, meta), (other_inputs, other_gt, other_meta) in zip(first, second, strict=True):
        assert meta == other_meta
        assert torch.equal(inputs, other_inputs)
        assert torch.equal(gt, other_gt)


@pytest.mark.usefixtures('keep_generators')
def test_batches_do_not_depend_on_the_number_of_workers(root):
    alone = batches(root, 8)
    torch.manual_seed(99)
    assert_equal_batches(alone, batches(root, 8, num_workers=2))


@pytest.mark.usefixtures('keep_generators')
def test_batches_vary_and_follow_the_seed(root):
    drawn = [meta[2] for _, _, metas in batches(root, 8) for meta in metas]
    for values in zip(*drawn, strict=True):
        assert len(set(values)) == 16
    flips = [meta[1] for _, _, metas in batches(root, 8) for meta in metas]
    assert set(flips) == {True, False}
    other = [meta[2] for _, _, metas in batches(root, 8, seed=12) for meta in metas]
    assert not set(drawn) & set(other)


@pytest.mark.usefixtures('keep_generators')
@pytest.mark.parametrize('num_workers', [0, 2])
def test_a_resumed_stream_continues_exactly(root, num_workers):
    whole = batches(root, 8)
    for done in (1, 5):
        resumed = batches(root, 8 - done, num_workers, skip=2 * done)
        assert_equal_batches(resumed, whole[done:])


@pytest.mark.usefixtures('keep_generators')
def test_two_ranks_train_on_disjoint_places_of_the_stream(root, monkeypatch):
    whole = batches(root, 8)
    metas = [meta for _, _, batch in whole for meta in batch]
    for rank in range(2):
        # under a launcher the sampler learns its rank from here
        monkeypatch.setattr(
            mmengine_sampler, 'get_dist_info', functools.partial(lambda r: (r, 2), rank)
        )
        mine = [meta for _, _, batch in batches(root, 4) for meta in batch]
        assert mine == metas[rank::2]


@pytest.mark.parametrize('serialize_data', [False, True])
def test_a_plain_index_still_works(root, serialize_data):
    dataset = build(root, 1, serialize_data=serialize_data)
    assert dataset[0]['inputs'].shape == (3, 6, 8)
    assert len(dataset) == 4
    assert names(dataset) == SELECTED['overlapped'][1]
