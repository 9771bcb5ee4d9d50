"""The label table against the per-pixel reference and against tables by hand."""

import itertools

import numpy as np
import pytest
from reference.labels import evaluation_label, map_labels, training_label

from mmseg_incremental.datasets import (
    SETTINGS,
    MapLabels,
    Protocol,
    get_protocol,
    label_meaning,
    label_table,
    training_table,
)
from mmseg_incremental.datasets.label_table import labelled_classes, table_of_values
from mmseg_incremental.errors import InputError
from mmseg_incremental.tasks import Task, get_task

PROTOCOLS = [
    Protocol(*choices)
    for choices in itertools.product(
        ('background', 'ignore'), ('background', 'ignore'), ('seen', 'all')
    )
]
# what the labels 0 1 2 15 16 17 18 20 255 become
PROBES = [0, 1, 2, 15, 16, 17, 18, 20, 255]


def random_task(rng):
    """Random classes in random order, some of them in no group."""
    num_classes = int(rng.integers(2, 30))
    order = rng.permutation(np.arange(1, num_classes + 1)).tolist()
    order = order[: int(rng.integers(2, num_classes + 1))]
    num_steps = int(rng.integers(1, len(order) + 1))
    cuts = sorted(rng.choice(np.arange(1, len(order)), num_steps - 1, replace=False).tolist())
    bounds = [0, *cuts, len(order)]
    groups = tuple(tuple(order[a:b]) for a, b in itertools.pairwise(bounds))
    return Task('random', 'random', tuple(f'class {i}' for i in range(num_classes)), groups)


@pytest.mark.parametrize('seed', range(20))
def test_equals_the_reference_on_random_maps(seed):
    rng = np.random.default_rng(seed)
    task = random_task(rng)
    values = np.array([*range(len(task.names) + 1), 255], dtype=np.uint8)
    labels = np.concatenate([values, rng.choice(values, 80)]).reshape(1, -1)
    groups = [list(group) for group in task.groups]
    before = labels.copy()
    for step in range(task.num_steps):
        for setting, protocol in itertools.product(SETTINGS, PROTOCOLS):
            table = label_table(task, step, setting, protocol, training=True)
            expected = map_labels(labels, training_label, groups, step, setting, protocol.void)
            np.testing.assert_array_equal(
                MapLabels(table)({'gt_seg_map': labels})['gt_seg_map'], expected
            )
            table = label_table(task, step, setting, protocol, training=False)
            expected = map_labels(labels, evaluation_label, groups, step, protocol.future)
            np.testing.assert_array_equal(
                MapLabels(table)({'gt_seg_map': labels})['gt_seg_map'], expected
            )
    np.testing.assert_array_equal(labels, before)


@pytest.mark.parametrize(
    ('step', 'setting', 'preset', 'training', 'expected'),
    [
        (0, 'overlapped', 'mib', True, [0, 1, 2, 15, 0, 0, 0, 0, 0]),
        (0, 'disjoint', 'plop', True, [0, 1, 2, 15, 0, 0, 0, 0, 255]),
        (0, 'sequential', 'paper', True, [0, 1, 2, 15, 0, 0, 0, 0, 0]),
        (2, 'overlapped', 'mib', True, [0, 0, 0, 0, 0, 17, 0, 0, 0]),
        (2, 'disjoint', 'mib', True, [0, 0, 0, 0, 0, 17, 0, 0, 0]),
        (2, 'overlapped', 'plop', True, [0, 0, 0, 0, 0, 17, 0, 0, 255]),
        (2, 'sequential', 'mib', True, [0, 1, 2, 15, 16, 17, 0, 0, 0]),
        (2, 'sequential', 'plop', True, [0, 1, 2, 15, 16, 17, 0, 0, 255]),
        (0, 'overlapped', 'mib', False, [0, 1, 2, 15, 255, 255, 255, 255, 255]),
        (2, 'overlapped', 'mib', False, [0, 1, 2, 15, 16, 17, 255, 255, 255]),
        (2, 'sequential', 'paper', False, [0, 1, 2, 15, 16, 17, 255, 255, 255]),
        (2, 'disjoint', 'plop', False, [0, 1, 2, 15, 16, 17, 0, 0, 255]),
        (5, 'overlapped', 'mib', False, [0, 1, 2, 15, 16, 17, 18, 20, 255]),
    ],
)
def test_tables_of_15_5s_by_hand(step, setting, preset, training, expected):
    task = get_task('voc', '15-5s')
    table = label_table(task, step, setting, get_protocol(preset), training)
    assert table.shape == (256,)
    assert table.dtype == np.uint8
    assert table[PROBES].tolist() == expected


def test_channels_follow_the_order_of_learning():
    task = get_task('voc', '15-5s', class_order=range(20, 0, -1))
    table = label_table(task, 0, 'overlapped', get_protocol('mib'), training=True)
    assert table[:21].tolist() == [0, 0, 0, 0, 0, 0, *range(15, 0, -1)]
    table = label_table(task, 1, 'overlapped', get_protocol('mib'), training=True)
    assert table[:21].tolist() == [0] * 5 + [16] + [0] * 15
    table = label_table(task, 1, 'overlapped', get_protocol('mib'), training=False)
    assert table[:21].tolist() == [0, 255, 255, 255, 255, 16, *range(15, 0, -1)]


@pytest.mark.parametrize('training', [True, False])
def test_classes_of_no_group_are_background(training):
    task = Task('pets', 't', ('a', 'b', 'c'), ((3,),))
    table = label_table(task, 0, 'overlapped', get_protocol('mib'), training)
    assert table[:4].tolist() == [0, 0, 0, 1]


def test_the_source_is_not_changed_and_not_aliased():
    table = label_table(get_task('voc', '15-5'), 1, 'overlapped', get_protocol('mib'), True)
    source = np.array([[0, 5, 16], [20, 255, 15]], dtype=np.uint8)
    source.setflags(write=False)
    results = MapLabels(table).transform({'gt_seg_map': source, 'seg_fields': ['gt_seg_map']})
    assert results['gt_seg_map'].tolist() == [[0, 0, 16], [20, 0, 0]]
    assert results['gt_seg_map'].dtype == np.uint8
    assert not np.shares_memory(results['gt_seg_map'], source)
    assert results['seg_fields'] == ['gt_seg_map']
    assert source.tolist() == [[0, 5, 16], [20, 255, 15]]


def test_meaning_of_labels_by_hand():
    task = Task('pets', 't', ('a', 'b'), ((2,),))
    expected = {0: 0, 1: 1, 2: 2, 255: 255}
    assert label_meaning(task) == expected
    assert label_meaning(task, ['anything', 'a', 'b']) == expected
    for names in (['background', 'b', 'a'], ['a', 'b'], ['background', 'a'], []):
        with pytest.raises(InputError, match="'t' takes label 0 for the background and 1 to 2"):
            label_meaning(task, names)


def test_a_table_goes_through_the_meaning_of_the_values():
    table = label_table(
        get_task('voc', '15-5'), 1, 'overlapped', Protocol(void='ignore'), training=True
    )
    values = table_of_values(table, {7: 16, 0: 255, 9: 0, 200: 3})
    assert values.dtype == np.uint8
    assert values[[7, 0, 9, 200, 1, 255]].tolist() == [16, 255, 0, 0, 255, 255]


@pytest.mark.parametrize('void', ['background', 'ignore'])
def test_training_table_shows_what_is_visible_on_the_channels_of_the_step(void):
    task = get_task('voc', '15-5s', class_order=range(20, 0, -1))
    table = training_table(task, 2, [20, 5], Protocol(void=void))
    assert table[[0, 20, 19, 5, 4, 3]].tolist() == [0, 1, 0, 16, 0, 0]
    assert table[255] == (255 if void == 'ignore' else 0)
    assert (table[21:255] == 255).all()


@pytest.mark.parametrize(
    ('setting', 'expected'), [('overlapped', [3]), ('disjoint', [3]), ('sequential', [1, 3])]
)
def test_labelled_classes(setting, expected):
    assert labelled_classes(Task('d', 't', ('a', 'b', 'c'), ((1,), (3,), (2,))), 1, setting) == (
        expected
    )
