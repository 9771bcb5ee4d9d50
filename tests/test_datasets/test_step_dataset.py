"""A step's view of data sets that are not Pascal VOC, and of data sets within data sets."""

import copy
from typing import ClassVar

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS, TRANSFORMS
from PIL import Image

from mmseg_incremental.datasets import (
    Candidate,
    DataError,
    Draw,
    StepDataset,
    class_index,
    step_view,
    write_memory,
)
from mmseg_incremental.errors import InputError

# Label 1 is learnt at step 0, label 2 at step 1, so that channels and labels are the same.
NAMES = ('cat', 'dog', 'hen')
TASK = dict(dataset='mine', name='1-1', classes=list(NAMES), class_order=['dog', 'cat', 'hen'])
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
AUGMENTED = [
    *PIPELINE[:2],
    dict(type='RandomCrop', crop_size=(3, 4)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
# what the masks hold, in rows; pictures are sorted by their name
TRAIN = {'a': [2, 0], 'b': [1, 2], 'c': [1, 3], 'd': [3, 255], 'deep/e': [2, 3]}


@pytest.fixture
def make_other(tmp_path):
    """Write pictures and masks as PNG in folders of their own, the masks with another ending."""

    def make(rows, name='other'):
        root = tmp_path / name
        rng = np.random.default_rng(len(name))
        for key, values in rows.items():
            mask = np.tile(np.resize(values, 6), (5, 1)).astype(np.uint8)
            picture = root / 'images/train' / f'{key}.png'
            label = root / 'labels/train' / f'{key}_gt.png'
            for path in (picture, label):
                path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)).save(picture)
            Image.fromarray(mask).save(label)
        return root

    return make


@pytest.fixture
def root(make_other):
    return make_other(TRAIN)


def leaf(root, pipeline=PIPELINE, **kwargs):
    return {
        'type': 'BaseSegDataset',
        'data_root': str(root),
        'data_prefix': dict(img_path='images/train', seg_map_path='labels/train'),
        'img_suffix': '.png',
        'seg_map_suffix': '_gt.png',
        'pipeline': list(pipeline),
        'serialize_data': False,
        **kwargs,
    }


def concat(*datasets):
    return dict(type='ConcatDataset', datasets=list(datasets))


def repeat(dataset, times=2):
    return dict(type='RepeatDataset', times=times, dataset=dataset)


def build(dataset, step=1, task=TASK, **kwargs):
    return DATASETS.build(step_view(dataset, task=task, step=step, **kwargs))


def labels(dataset, index):
    return dataset[index]['data_samples'].gt_sem_seg.data[0].numpy()


# Another layout


def test_pictures_and_labels_of_another_layout(root):
    dataset = build(leaf(root))
    assert type(dataset) is StepDataset
    assert dataset.picture_names == ['b.png', 'c.png']
    assert dataset.class_sets == [{1, 2}, {1, 3}]
    assert dataset.picture_sizes() == [(5, 6)] * 2
    assert len(dataset) == 2
    np.testing.assert_array_equal(labels(dataset, 0), [[2, 0] * 3] * 5)
    assert dataset.get_data_info(1)['img_path'] == f'{root}/images/train/c.png'
    assert dataset.metainfo == dict(
        classes=('background', 'dog', 'cat'), palette=[[0, 0, 0], [0, 128, 0], [128, 0, 0]]
    )


def test_evaluation(root):
    dataset = build(leaf(root), test_mode=True, protocol='mib')
    assert dataset.picture_names == ['a.png', 'b.png', 'c.png', 'deep/e.png']
    np.testing.assert_array_equal(labels(dataset, 2), [[2, 255] * 3] * 5)
    np.testing.assert_array_equal(
        labels(build(leaf(root), test_mode=True, protocol='plop'), 2), [[2, 0] * 3] * 5
    )


def test_setting(root):
    assert build(leaf(root), step=0).picture_names == ['a.png', 'b.png', 'deep/e.png']
    assert build(leaf(root), step=0, setting='disjoint').picture_names == ['a.png']


def test_names_are_relative_to_the_common_folder_of_the_list_not_of_the_step(make_other):
    root = make_other({'x/a': [1], 'x/b': [1], 'y/c': [2]})
    assert build(leaf(root)).picture_names == ['x/a.png', 'x/b.png']


def test_names_do_not_depend_on_where_the_data_lie(root, monkeypatch):
    expected = build(leaf(root)).picture_names
    monkeypatch.chdir(root.parent)
    assert build(leaf(root.name)).picture_names == expected
    (root.parent / 'link').symlink_to(root)
    assert build(leaf(root.parent / 'link')).picture_names == expected


def test_plain_indices(root):
    dataset = build(leaf(root))
    assert dataset[-1]['data_samples'].img_path.endswith('c.png')
    for index in (2, -3):
        with pytest.raises(IndexError):
            dataset[index]
        with pytest.raises(IndexError):
            dataset.get_data_info(index)
    assert len(list(dataset)) == 2


# Data sets within data sets


def test_concatenated_folders(root, make_other):
    other = make_other({'b': [1, 255], 'z': [3]}, 'second')
    dataset = build(concat(leaf(root), leaf(other)))
    assert dataset.picture_names == [
        'other/images/train/b.png',
        'other/images/train/c.png',
        'second/images/train/b.png',
    ]
    assert dataset.class_sets == [{1, 2}, {1, 3}, {1}]
    np.testing.assert_array_equal(labels(dataset, 2), [[2, 0] * 3] * 5)
    np.testing.assert_array_equal(labels(dataset, 0), [[2, 0] * 3] * 5)


def test_concatenated_data_sets_may_be_of_different_classes_and_colours(root, make_other):
    other = make_other({'b': [1, 255]}, 'second')
    for parts in ([leaf(root), pets(other)], [repeat(pets(other), 1), leaf(root)]):
        dataset = build(concat(*parts))
        assert sorted(name[0] + name[-5] for name in dataset.picture_names) == ['ob', 'oc', 'sb']
        assert dataset.metainfo['classes'] == ('background', 'dog', 'cat')
    swapped = leaf(other, metainfo=dict(classes=('background', 'dog', 'cat', 'hen')))
    with pytest.raises(InputError, match='names its labels'):
        build(concat(leaf(root), swapped))


def test_a_remembered_picture_is_the_first_of_its_name(root, tmp_path):
    """The same pictures with other masks behind them."""
    for path in sorted((root / 'labels/train').rglob('*.png')):
        other = root / 'others' / path.relative_to(root / 'labels/train')
        other.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(Image.open(path))[:, ::-1]).save(other)
    flipped = leaf(root, data_prefix=dict(img_path='images/train', seg_map_path='others'))
    write_memory(tmp_path / 'memory.json', [Candidate('a.png', frozenset({2}), (0,))])
    for parts, row in (((leaf(root), flipped), [1, 0] * 3), ((flipped, leaf(root)), [0, 1] * 3)):
        dataset = build(concat(*parts), memory=str(tmp_path / 'memory.json'))
        assert len(dataset) == 5
        np.testing.assert_array_equal(labels(dataset, 4), [row] * 5)


def test_a_repeated_data_set_is_read_once(root, monkeypatch):
    opened = []
    inspect = class_index.inspect_sample
    monkeypatch.setattr(
        class_index, 'inspect_sample', lambda sample: opened.append(sample.mask) or inspect(sample)
    )
    dataset = build(repeat(leaf(root), 3))
    assert dataset.picture_names == ['b.png', 'c.png'] * 3
    assert dataset.picture_sizes() == [(5, 6)] * 6
    assert len(opened) == len(set(opened)) == len(TRAIN)
    for index in range(6):
        one = dataset[index]
        assert torch.equal(one['inputs'], dataset[index % 2]['inputs'])


def test_wrappers_within_wrappers(root, make_other):
    other = make_other({'b': [1, 255]}, 'second')
    dataset = build(repeat(concat(repeat(leaf(other), 2), leaf(root))))
    assert [name[0] + name[-5] for name in dataset.picture_names] == ['sb', 'sb', 'ob', 'oc'] * 2
    for index in range(8):
        np.testing.assert_array_equal(labels(dataset, index), [[2, 0] * 3] * 5)
    assert len(dataset.leaves) == 2
    mappings = [part.pipeline.transforms[2] for part in dataset.leaves]
    assert mappings[0] is mappings[1], 'one table for all'


@DATASETS.register_module()
class _Balanced(BaseSegDataset):
    def get_cat_ids(self, idx):
        return np.unique(Image.open(self.get_data_info(idx)['seg_map_path'])).tolist()


def test_class_balanced_data_set(make_other):
    root = make_other({'a': [1], 'b': [2], 'c': [2], 'd': [2]})
    balanced = dict(
        type='ClassBalancedDataset', oversample_thr=1.0, dataset=leaf(root, type='_Balanced')
    )
    # the rare class is in one of four pictures: sqrt(1 / (1/4)) = 2; the other sqrt(4/3) -> 2
    assert build(balanced).picture_names == ['a.png'] * 2
    balanced['oversample_thr'] = 0.5
    assert build(balanced, step=0).picture_names == ['b.png', 'c.png', 'd.png']
    balanced['dataset'] = leaf(root)
    with pytest.raises(InputError, match='get_cat_ids'):
        build(balanced)


@DATASETS.register_module()
class _Pets(BaseSegDataset):
    METAINFO: ClassVar = dict(classes=('background', *NAMES), palette=[[i, i, i] for i in range(4)])

    def __init__(self, **kwargs):
        super().__init__(img_suffix='.png', seg_map_suffix='_gt.png', **kwargs)


def pets(root, pipeline=PIPELINE):
    cfg = leaf(root, pipeline, type='_Pets')
    return {key: value for key, value in cfg.items() if not key.endswith('suffix')}


def test_a_users_data_set_with_named_classes(root):
    for cfg in (pets(root), repeat(pets(root), 1), concat(pets(root))):
        dataset = build(cfg)
        assert dataset.picture_names == ['b.png', 'c.png']
        np.testing.assert_array_equal(labels(dataset, 1), [[2, 0] * 3] * 5)
        assert dataset.metainfo['classes'] == ('background', 'dog', 'cat')
        assert build(cfg, test_mode=True).picture_names[-1] == 'deep/e.png'


def test_the_config_is_not_changed(root):
    cfg = Config(dict(data=repeat(concat(leaf(root), pets(root))))).data
    del cfg.dataset.datasets[0]['data_root']
    before = copy.deepcopy(cfg)
    view = step_view(cfg, task=TASK, step=1, data_root=str(root))
    assert cfg == before
    built = copy.deepcopy(view)
    DATASETS.build(view)
    assert view == built


# Draws


def stream(cfg, num_workers=0, count=6):
    loader = Runner.build_dataloader(
        dict(
            dataset=step_view(cfg, task=TASK, step=1),
            sampler=dict(type='mmseg.SeededInfiniteSampler', shuffle=True),
            batch_size=2,
            num_workers=num_workers,
        ),
        seed=5,
    )
    batches = [batch for batch, _ in zip(loader, range(count), strict=False)]
    return [
        (s.img_path, x, s.gt_sem_seg.data)
        for batch in batches
        for x, s in zip(batch['inputs'], batch['data_samples'], strict=True)
    ]


def assert_same_stream(first, second):
    assert [path for path, *_ in first] == [path for path, *_ in second]
    for (_, inputs, gt), (_, other_inputs, other_gt) in zip(first, second, strict=True):
        assert torch.equal(inputs, other_inputs)
        assert torch.equal(gt, other_gt)


@pytest.mark.usefixtures('keep_generators')
def test_a_draw_gives_one_sample_through_any_wrapper(root):
    alone = build(leaf(root, AUGMENTED))
    wrapped = [
        build(cfg)
        for cfg in (
            repeat(leaf(root, AUGMENTED)),
            concat(leaf(root, AUGMENTED), leaf(root, AUGMENTED)),
            repeat(concat(leaf(root, AUGMENTED))),
            pets(root, AUGMENTED),
        )
    ]
    seen = set()
    for seed in range(6):
        for index in range(2):
            expected = alone[Draw(index, seed)]
            seen.add(expected['inputs'].numpy().tobytes())
            for dataset in wrapped:
                for place in range(index, len(dataset), 2):
                    found = dataset[Draw(place, seed)]
                    assert torch.equal(found['inputs'], expected['inputs'])
                    found, wanted = (x['data_samples'].gt_sem_seg.data for x in (found, expected))
                    assert torch.equal(found, wanted)
    assert len(seen) == 12, 'every seed gives another sample'


@pytest.mark.usefixtures('keep_generators')
@pytest.mark.parametrize('num_workers', [1, 2])
def test_the_stream_does_not_depend_on_the_number_of_workers(root, num_workers):
    cfg = repeat(concat(leaf(root, AUGMENTED), leaf(root, AUGMENTED)))
    alone = stream(cfg)
    torch.manual_seed(99)
    assert_same_stream(alone, stream(cfg, num_workers))
    flips = {gt.numpy().tobytes() for _, _, gt in alone}
    assert len(flips) > 1


@TRANSFORMS.register_module()
class _Nothing:
    def __call__(self, results):
        return None


def test_no_other_picture_is_taken_where_a_pipeline_yields_nothing(root):
    dataset = build(leaf(root, [*PIPELINE[:2], dict(type='_Nothing')], max_refetch=1000))
    with pytest.raises(Exception, match='Cannot find valid image after 0'):
        dataset[0]


# Configs


def test_a_view_of_a_view_takes_the_keys():
    voc = dict(type='IncrementalVOCDataset', ann_file='x', step=0)
    view = step_view(voc, data_root='data', task=TASK, step=2)
    assert view == dict(
        type='IncrementalVOCDataset', ann_file='x', step=2, task=TASK, data_root='data'
    )
    assert step_view(dict(voc, data_root='mine'), data_root='data')['data_root'] == 'mine'
    step = dict(type='StepDataset', dataset=dict(type='BaseSegDataset'), setting='disjoint')
    assert step_view(step, data_root='data', step=1) == dict(
        type='StepDataset',
        dataset=dict(type='BaseSegDataset', data_root='data'),
        setting='disjoint',
        step=1,
    )


def test_every_leaf_without_a_root_gets_it():
    parts = [dict(type='BaseSegDataset'), dict(type='BaseSegDataset', data_root='own')]
    view = step_view(repeat(concat(*parts, dict(parts[0], data_root=None))), data_root='data')
    inner = view['dataset']['dataset']['datasets']
    assert [part['data_root'] for part in inner] == ['data', 'own', 'data']


@pytest.mark.parametrize('kind', ['NoSuchDataset', None])
def test_refuses_an_unknown_type(kind):
    with pytest.raises(InputError, match=f'unknown data set type {kind!r}'):
        step_view(dict(type=kind), step=0)
    with pytest.raises(InputError, match=f'unknown data set type {kind!r}'):
        build(repeat(dict(type=kind)))


# Errors


def test_refuses_data_that_are_not_there(tmp_path):
    with pytest.raises(DataError, match='set data_root') as caught:
        build(repeat(leaf(tmp_path / 'nowhere')))
    (problem,) = caught.value.problems
    assert problem.startswith(f'{tmp_path}/nowhere: not found')


def test_lists_all_that_is_missing_in_all_leaves(root, make_other):
    other = make_other({'b': [1]}, 'second')
    (other / 'images').rename(other / 'elsewhere')
    parts = [leaf(root, ann_file='train.txt'), leaf(other), leaf(other)]
    with pytest.raises(DataError, match='2 problems') as caught:
        build(concat(*parts))
    assert [problem.split(': ')[0] for problem in caught.value.problems] == [
        f'{root}/train.txt',
        f'{other}/images/train',
    ]


@pytest.mark.parametrize('serialize', [False, True])
@pytest.mark.parametrize('wrap', [concat, repeat])
def test_refuses_a_leaf_without_pictures(root, serialize, wrap):
    """A wrong suffix must not leave out a part of the data silently."""
    empty = leaf(root, img_suffix='.jpg', serialize_data=serialize)
    parts = [leaf(root), empty] if wrap is concat else [empty]
    with pytest.raises(DataError, match=r'images/train: no picture named \*\.jpg'):
        build(wrap(*parts))


def test_refuses_masks_that_are_not_there(root):
    with pytest.raises(DataError, match=r'b\.png: mask not found'):
        build(leaf(root, seg_map_suffix='.png'))
    no_masks = leaf(root, data_prefix=dict(img_path='images/train'))
    with pytest.raises(DataError, match=r'no masks; set data_prefix\.seg_map_path'):
        build(no_masks)


def test_refuses_files_that_the_class_of_the_data_set_misses(root):
    cityscapes = dict(type='CityscapesDataset', data_root=str(root), pipeline=PIPELINE)
    with pytest.raises(InputError, match='leftImg8bit'):
        build(cityscapes)
    with pytest.raises(InputError, match='PascalVOCDataset cannot be built'):
        build(dict(type='PascalVOCDataset', ann_file='', data_root=str(root), pipeline=PIPELINE))


@pytest.mark.parametrize('wrap', [lambda cfg: cfg, repeat, concat])
def test_refuses_reduced_labels(root, wrap):
    with pytest.raises(InputError, match='reduce_zero_label'):
        build(wrap(leaf(root, reduce_zero_label=True)))
    ade = dict(leaf(root), type='ADE20KDataset')  # reduces them by its own default
    with pytest.raises(InputError, match='ADE20KDataset: reduce_zero_label'):
        build(wrap({key: value for key, value in ade.items() if not key.endswith('suffix')}))


def test_refuses_a_data_set_that_renumbers_labels(root):
    cfg = dict(pets(root), metainfo=dict(classes=('background', 'dog')))
    with pytest.raises(InputError, match=r'_Pets: metainfo\.classes renumbers'):
        build(cfg)


@pytest.mark.parametrize(
    'names', [('background', 'dog', 'cat', 'hen'), NAMES, ('background', *NAMES, 'cow')]
)
def test_refuses_a_data_set_whose_labels_mean_something_else(root, names):
    with pytest.raises(InputError, match='names its labels'):
        build(leaf(root, metainfo=dict(classes=names)))


def test_a_background_of_another_name_is_the_background(root):
    dataset = build(leaf(root, metainfo=dict(classes=('unlabelled', *NAMES))))
    assert dataset.picture_names == ['b.png', 'c.png']


def test_refuses_a_pipeline_without_labels_in_training_only(root):
    bare = leaf(root, [PIPELINE[0], PIPELINE[2]])
    with pytest.raises(InputError, match='BaseSegDataset: its pipeline loads no labels'):
        build(concat(leaf(root), bare))
    assert 'gt_sem_seg' not in build(bare, test_mode=True)[0]['data_samples']
    assert len(build(leaf(root, []))) == 2, 'nothing but the list is asked for'


def test_refuses_a_mix_of_pictures(root):
    mixed = dict(
        type='MultiImageMixDataset',
        dataset=concat(leaf(root)),
        pipeline=[dict(type='RandomMosaic', prob=1.0, img_scale=(8, 8))],
    )
    with pytest.raises(InputError, match='MultiImageMixDataset has a pipeline of its own'):
        build(mixed)


def test_refuses_a_view_within_a_wrapper(root):
    voc = dict(type='IncrementalVOCDataset', data_root=str(root))
    with pytest.raises(InputError, match='IncrementalVOCDataset cannot be seen step by step'):
        build(repeat(voc))


def test_refuses_misspelt_and_missing_keys(root):
    with pytest.raises(InputError, match=r'BaseSegDataset cannot be built.*data_rood'):
        build(leaf(root, data_rood='x'))
    with pytest.raises(InputError, match=r'RepeatDataset cannot be built.*times'):
        build(dict(type='RepeatDataset', dataset=leaf(root)))


def test_refuses_a_step_that_selects_nothing(make_other):
    root = make_other({'a': [2], 'b': [2]})
    with pytest.raises(DataError, match=r'step 1 \(cat\)') as caught:
        build(repeat(leaf(root)))
    assert f'{root}/images/train' in str(caught.value)
