"""Which pictures a step sees: MiB's official lists, and small sets by hand."""

import numpy as np
import pytest

from mmseg_incremental.datasets import (
    SETTINGS,
    get_protocol,
    select_images,
    select_test_images,
)
from mmseg_incremental.datasets.selection import in_dev_part
from mmseg_incremental.tasks import build_task, get_task

OFFICIAL = [
    ('15-5', 'disjoint', '15-5', [8437, 2145]),
    ('15-5', 'sequential', '15-5', [8437, 2145]),
    ('15-5', 'overlapped', '15-5-ov', [9568, 2145]),
    ('15-5s', 'disjoint', '15-5s', [8437, 378, 299, 420, 500, 548]),
    ('15-5s', 'sequential', '15-5s', [8437, 378, 299, 420, 500, 548]),
    ('15-5s', 'overlapped', '15-5s-ov', [9568, 487, 299, 491, 500, 548]),
]

# groups (3, 1), (4,), (2,); class 5 is in no group
TASK = dict(dataset='pets', name='t', classes=['a', 'b', 'c', 'd', 'e'], groups=[[3, 1], [4], [2]])
SETS = [
    {3},  # 0
    {1, 4},  # 1: with a class of step 1
    {4},  # 2
    {4, 2},  # 3: with a class of step 2
    {2},  # 4
    {1, 2, 3, 4},  # 5
    set(),  # 6: nothing
    {5},  # 7: only a class of no group
    {3, 5},  # 8: a class of no group is background
    {0, 255},  # 9: only background and void
    {0, 4, 255},  # 10
    {3, 4, 5},  # 11
]
SELECTED = {
    'overlapped': [[0, 1, 5, 8, 11], [1, 2, 3, 5, 10, 11], [3, 4, 5]],
    'disjoint': [[0, 8], [1, 2, 10, 11], [3, 4, 5]],
}
SELECTED['sequential'] = SELECTED['disjoint']


def read_lists(path):
    return [{int(c) for c in line.split()[1:]} for line in path.read_text().splitlines()]


@pytest.mark.parametrize(('name', 'setting', 'folder', 'counts'), OFFICIAL)
def test_selects_the_official_lists_of_mib(voc_lists, name, setting, folder, counts):
    class_sets = read_lists(voc_lists / 'train_aug_classes.txt')
    assert len(class_sets) == 10582
    task = get_task('voc', name)
    assert task.num_steps == len(list((voc_lists / 'mib_splits' / folder).glob('*.npy')))
    for step, count in enumerate(counts):
        official = np.load(voc_lists / 'mib_splits' / folder / f'train-{step}.npy')
        selected = select_images(class_sets, task, step, setting)
        assert selected == sorted(official.tolist())
        assert len(selected) == count


def test_disjoint_pictures_of_all_steps_partition_the_training_set(voc_lists):
    class_sets = read_lists(voc_lists / 'train_aug_classes.txt')
    order = np.random.default_rng(3).permutation(np.arange(1, 21)).tolist()
    task = get_task('voc', '5-3', class_order=order)
    parts = [select_images(class_sets, task, t, 'disjoint') for t in range(task.num_steps)]
    assert sorted(p for part in parts for p in part) == list(range(10582))


@pytest.mark.parametrize('setting', SELECTED)
@pytest.mark.parametrize('step', range(3))
@pytest.mark.parametrize('kind', [set, frozenset, sorted, tuple, np.array, iter])
def test_selects_by_hand(setting, step, kind):
    class_sets = [kind(sorted(classes, reverse=True)) for classes in SETS]
    selected = select_images(class_sets, build_task(TASK), step, setting)
    assert selected == SELECTED[setting][step]


def test_partitioned_gives_every_picture_to_one_step_that_learns_a_class_in_it(voc_lists):
    class_sets = read_lists(voc_lists / 'train_aug_classes.txt')
    task = get_task('voc', '15-5s')
    parts = [select_images(class_sets, task, t, 'partitioned') for t in range(6)]
    assert sorted(p for part in parts for p in part) == list(range(10582))
    for step, part in enumerate(parts):
        assert all(class_sets[p] & set(task.new_classes(step)) for p in part)
    # those with classes of two steps are shared evenly
    old, later = set(range(1, 16)), {17, 18, 19, 20}
    both = [p for p, c in enumerate(class_sets) if 16 in c and c & old and not c & later]
    share = len(set(both) & set(parts[0])) / len(both)
    assert 0.4 < share < 0.6
    other = select_images(class_sets, task, 0, 'partitioned', seed=1)
    assert other != parts[0]
    assert other == select_images(class_sets, task, 0, 'partitioned', seed=1)


def test_partitioned_drops_pictures_without_a_class_of_the_task():
    parts = [select_images(SETS, build_task(TASK), t, 'partitioned') for t in range(3)]
    assert sorted(p for part in parts for p in part) == [0, 1, 2, 3, 4, 5, 8, 10, 11]


def test_the_dev_part_is_a_share_that_the_name_alone_decides():
    names = [f'2007_{i:06d}.jpg' for i in range(10000)]
    held = [name for name in names if in_dev_part(name, 0.2)]
    assert 0.19 < len(held) / len(names) < 0.21
    assert set(held) < {name for name in names if in_dev_part(name, 0.3)}


def test_the_default_setting_is_overlapped():
    assert select_images(SETS, build_task(TASK), 0) == SELECTED['overlapped'][0]


def test_the_order_of_learning_decides_not_the_label():
    task = get_task('voc', '1-1', class_order=[20, 1])
    assert select_images([{1}, {20}, {1, 20}], task, 0, 'disjoint') == [1]
    assert select_images([{1}, {20}, {1, 20}], task, 1, 'disjoint') == [0, 2]


def test_no_pictures_select_none():
    assert select_images([], build_task(TASK), 0) == []
    assert select_images([{2}], build_task(TASK), 0) == []


def test_the_class_sets_stay_as_they_are():
    class_sets = [set(classes) for classes in SETS]
    select_images(class_sets, build_task(TASK), 1, 'disjoint')
    assert class_sets == SETS


@pytest.mark.parametrize('setting', ['', 'Overlapped', 'overlap', None])
def test_refuses_an_unknown_setting(setting):
    with pytest.raises(ValueError, match='unknown setting') as caught:
        select_images([], build_task(TASK), 0, setting)
    assert all(known in str(caught.value) for known in SETTINGS)


@pytest.mark.parametrize('setting', SETTINGS)
@pytest.mark.parametrize('step', [-1, 3])
def test_refuses_a_step_out_of_range(step, setting):
    with pytest.raises(ValueError, match=f'no step {step}'):
        select_images([], build_task(TASK), step, setting)


@pytest.mark.parametrize(
    ('step', 'seen'),
    [(0, [0, 1, 5, 8, 11]), (1, [0, 1, 2, 3, 5, 8, 10, 11]), (2, [0, 1, 2, 3, 4, 5, 8, 10, 11])],
)
def test_selects_test_pictures(step, seen):
    task = build_task(TASK)
    assert select_test_images(SETS, task, step, get_protocol('mib')) == seen
    every = get_protocol(dict(test_images='all'))
    assert select_test_images(SETS, task, step, every) == list(range(12))


def test_selects_official_test_pictures(voc_lists):
    class_sets = read_lists(voc_lists / 'val_classes.txt')
    assert len(class_sets) == 1449
    task = get_task('voc', '15-5s')
    for step in range(task.num_steps):
        seen = [i for i, classes in enumerate(class_sets) if any(c <= 15 + step for c in classes)]
        assert select_test_images(class_sets, task, step, get_protocol('mib')) == seen
    assert len(seen) == 1449
