"""Remembered pictures: what they show, where they are, how often they are drawn."""

import numpy as np
import pytest
from mmengine.runner import Runner

from mmseg_incremental.datasets import (
    Candidate,
    Draw,
    IncrementalVOCDataset,
    SeededInfiniteSampler,
    write_memory,
)
from mmseg_incremental.errors import InputError

# Step 0 learns 15 and 1 (channels 1 and 2), step 1 learns 20 (channel 3), step 2 learns 16
# (channel 4); class 7 is in no group.
TASK = dict(dataset='voc', name='tiny', groups=[[15, 1], [20], [16]])
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
ROW = [0, 1, 15, 20, 16, 7, 255]
MASKS = {
    'all': np.array([ROW, ROW]),
    'old': np.array([[0, 15], [15, 255]]),
    'new': np.array([[20, 20], [0, 0]]),
    'future': np.array([[16, 16], [0, 0]]),
    'nothing': np.array([[0, 7], [7, 255]]),
}


@pytest.fixture
def root(make_voc):
    return make_voc(MASKS)


@pytest.fixture
def remember(tmp_path):
    def write(*pictures):
        entries = [Candidate(f'{name}.jpg', frozenset(), steps) for name, steps in pictures]
        write_memory(tmp_path / 'memory.json', entries)
        return str(tmp_path / 'memory.json')

    return write


def build(root, step, pipeline=PIPELINE, **kwargs):
    return IncrementalVOCDataset(
        task=TASK, step=step, data_root=str(root), pipeline=pipeline, serialize_data=False, **kwargs
    )


def stem(path):
    return path.rpartition('/')[2].removesuffix('.jpg')


def names(dataset):
    return [stem(dataset.get_data_info(i)['img_path']) for i in range(len(dataset))]


def labels(dataset, index):
    return dataset[index]['data_samples'].gt_sem_seg.data[0].numpy()


# What they show


@pytest.mark.parametrize('setting', ['overlapped', 'disjoint'])
@pytest.mark.parametrize(('protocol', 'v'), [('mib', 0), ('plop', 255)])
@pytest.mark.parametrize('step', [1, 2])
def test_a_stored_picture_shows_only_what_was_known_when_it_was_stored(
    root, remember, step, setting, protocol, v
):
    """It holds classes of step 1 and of step 2; neither may leak out of step 0's memory."""
    memory = remember(('all', (0,)))
    dataset = build(root, step, setting=setting, protocol=protocol, memory=memory)
    last = len(dataset) - 1
    assert names(dataset)[last] == 'all'
    for _ in range(2):  # also after another table was in use
        np.testing.assert_array_equal(labels(dataset, last), [[0, 2, 1, 0, 0, 0, v]] * 2)
        labels(dataset, 0)


def test_a_picture_of_two_steps_shows_the_classes_of_both(root, remember):
    dataset = build(root, 2, memory=remember(('all', (0, 1)), ('old', (1,))))
    assert names(dataset) == ['all', 'future', 'all', 'old']
    np.testing.assert_array_equal(labels(dataset, 0), [[0, 0, 0, 0, 4, 0, 0]] * 2, 'its own')
    np.testing.assert_array_equal(labels(dataset, 2), [[0, 2, 1, 3, 0, 0, 0]] * 2)
    np.testing.assert_array_equal(labels(dataset, 3), [[0, 0], [0, 0]], 'unknown at step 1')


def test_in_the_sequential_setting_a_step_knows_the_old_classes_too(root, remember):
    dataset = build(root, 2, setting='sequential', memory=remember(('all', (1,))))
    np.testing.assert_array_equal(labels(dataset, 2), [[0, 2, 1, 3, 0, 0, 0]] * 2)


# Where they are


def test_they_come_after_the_steps_own_in_the_order_of_the_file(root, remember):
    dataset = build(root, 1, memory=remember(('old', (0,)), ('nothing', (0,)), ('all', (0,))))
    assert names(dataset) == ['all', 'new', 'old', 'nothing', 'all']
    assert dataset.picture_sizes() == [(2, 7), (2, 2), (2, 2), (2, 2), (2, 7)]
    assert dataset.picture_names == ['all.jpg', 'new.jpg']
    assert dataset.class_sets == [{1, 15, 20, 16, 7}, {20}]
    assert [entry.picture for entry in dataset.memory] == ['old.jpg', 'nothing.jpg', 'all.jpg']


def test_no_memory_and_an_empty_one_are_the_same(root, remember):
    assert names(build(root, 1, memory=remember())) == names(build(root, 1)) == ['all', 'new']
    assert len(build(root, 1, memory=remember(), memory_share=1.0)) == 2


def test_a_picture_listed_twice_is_remembered_once(root, remember):
    (root / 'twice.txt').write_text('old\nnew\nold\n')
    dataset = build(root, 1, ann_file='twice.txt', memory=remember(('old', (0,))))
    assert names(dataset) == ['new', 'old']


# How often they are drawn


def draws(dataset, count, seed=3):
    sampler = SeededInfiniteSampler(dataset, shuffle=True, seed=seed)
    return [draw for draw, _ in zip(sampler, range(count), strict=False)]


def drawn(dataset, count=400):
    return [stem(dataset[draw]['data_samples'].img_path) for draw in draws(dataset, count)]


@pytest.mark.usefixtures('keep_generators')
def test_a_share_of_the_draws_is_replaced(root, remember):
    memory = remember(('old', (0,)), ('nothing', (0,)))
    dataset = build(root, 1, memory=memory, memory_share=0.25)
    assert len(dataset) == 2
    assert names(dataset) == ['all', 'new']
    found = drawn(dataset)
    # 400 draws at 1/4: 100, give or take three standard deviations of 8.7
    assert 74 < sum(name in ('old', 'nothing') for name in found) < 126
    assert {found.count(name) > 25 for name in ('old', 'nothing')} == {True}
    assert {found.count(name) > 100 for name in ('all', 'new')} == {True}
    assert drawn(dataset) == found


@pytest.mark.usefixtures('keep_generators')
def test_a_replaced_draw_shows_the_labels_of_the_memory(root, remember):
    dataset = build(root, 1, memory=remember(('all', (0,))), memory_share=1.0)
    for draw in draws(dataset, 5):
        np.testing.assert_array_equal(labels(dataset, draw), [[0, 2, 1, 0, 0, 0, 0]] * 2)
    np.testing.assert_array_equal(labels(dataset, 0), [[0, 0, 0, 3, 0, 0, 0]] * 2, 'no draw')


@pytest.mark.usefixtures('keep_generators')
def test_the_seed_of_a_draw_decides_alone(root, remember):
    dataset = build(root, 1, memory=remember(('old', (0,)), ('nothing', (0,))), memory_share=0.5)
    for seed in range(20):
        found = {stem(dataset[Draw(i, seed)]['data_samples'].img_path) for i in (0, 1)}
        assert found in ({'old'}, {'nothing'}, {'all', 'new'})


@pytest.mark.usefixtures('keep_generators')
def test_the_decision_does_not_depend_on_the_number_of_workers(root, remember):
    memory = remember(('old', (0,)), ('nothing', (0,)))

    def batches(num_workers):
        loader = Runner.build_dataloader(
            dict(
                dataset=build(root, 1, memory=memory, memory_share=0.5),
                sampler=dict(type='mmseg.SeededInfiniteSampler', shuffle=True),
                batch_size=4,
                num_workers=num_workers,
            ),
            seed=11,
        )
        taken = [batch for batch, _ in zip(loader, range(6), strict=False)]
        return [
            (stem(s.img_path), s.gt_sem_seg.data.tolist()) for b in taken for s in b['data_samples']
        ]

    alone = batches(0)
    assert {name for name, _ in alone} == {'all', 'new', 'old', 'nothing'}
    assert batches(2) == alone


# Errors


@pytest.mark.parametrize('steps', [(1,), (0, 2)])
def test_refuses_what_was_not_stored_earlier(root, remember, steps):
    with pytest.raises(InputError, match=r'old\.jpg was stored at step [12]; step 1 can only'):
        build(root, 1, memory=remember(('old', steps)))


def test_refuses_a_picture_that_the_list_lacks(root, remember):
    with pytest.raises(InputError, match=r'1 of 2 remembered pictures .* is gone\.jpg'):
        build(root, 1, memory=remember(('old', (0,)), ('gone', (0,))))


def test_refuses_a_memory_in_evaluation(root, remember):
    with pytest.raises(InputError, match='not for evaluation'):
        build(root, 1, memory=remember(('old', (0,))), test_mode=True)


@pytest.mark.parametrize('share', [-0.1, 0, 1.5])
def test_refuses_a_share_that_is_none(root, remember, share):
    with pytest.raises(InputError, match='memory_share'):
        build(root, 1, memory=remember(('old', (0,))), memory_share=share)


def test_refuses_a_share_of_no_memory(root):
    with pytest.raises(InputError, match='beside a memory'):
        build(root, 1, memory_share=0.5)


def test_refuses_a_damaged_memory_before_it_looks_at_data(tmp_path):
    with pytest.raises(InputError, match=r'memory\.json'):
        build(tmp_path / 'nowhere', 1, memory=str(tmp_path / 'memory.json'))
