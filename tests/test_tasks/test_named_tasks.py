"""The named tasks against groups written out by hand."""

import pytest
from mmseg.datasets import PascalVOCDataset

from mmseg_incremental.tasks import class_names, get_task

VOC_GROUPS = {
    '15-5': [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], [16, 17, 18, 19, 20]],
    '15-5s': [
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [16], [17], [18], [19], [20],
    ],
    '15-1': [
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [16], [17], [18], [19], [20],
    ],
    '19-1': [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19], [20]],
    '10-10': [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [11, 12, 13, 14, 15, 16, 17, 18, 19, 20]],
    '10-5': [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [11, 12, 13, 14, 15], [16, 17, 18, 19, 20]],
    '10-1': [
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        [11], [12], [13], [14], [15], [16], [17], [18], [19], [20],
    ],
    '5-3': [
        [1, 2, 3, 4, 5],
        [6, 7, 8], [9, 10, 11], [12, 13, 14], [15, 16, 17], [18, 19, 20],
    ],
    'offline': [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]],
}  # fmt: skip

CLASSES_PER_STEP = {
    '15-5': [16, 5],
    '15-5s': [16, 1, 1, 1, 1, 1],
    '15-1': [16, 1, 1, 1, 1, 1],
    '19-1': [20, 1],
    '10-10': [11, 10],
    '10-5': [11, 5, 5],
    '10-1': [11, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    '5-3': [6, 3, 3, 3, 3, 3],
    'offline': [21],
}

# name: first and last label of the base group, first and last label of the rest
REPORTED = {
    '15-5': ('1-15', 15, '16-20'),
    '15-5s': ('1-15', 15, '16-20'),
    '15-1': ('1-15', 15, '16-20'),
    '19-1': ('1-19', 19, '20'),
    '10-10': ('1-10', 10, '11-20'),
    '10-5': ('1-10', 10, '11-20'),
    '10-1': ('1-10', 10, '11-20'),
    '5-3': ('1-5', 5, '6-20'),
}


@pytest.fixture(params=VOC_GROUPS)
def name(request):
    return request.param


def test_classes_of_every_step(name):
    task, groups = get_task('voc', name), VOC_GROUPS[name]
    assert task.num_steps == len(groups)
    for step, group in enumerate(groups):
        before = [label for g in groups[:step] for label in g]
        after = [label for g in groups[step + 1 :] for label in g]
        assert task.new_classes(step) == group
        assert task.old_classes(step) == before
        assert task.seen_classes(step) == before + group
        assert task.future_classes(step) == after
    assert task.class_order == list(range(1, 21))


def test_classes_per_step_counts_the_background_once(name):
    task, channels = get_task('voc', name), CLASSES_PER_STEP[name]
    for step in range(task.num_steps):
        assert task.classes_per_step(step) == channels[: step + 1]
    assert sum(channels) == 21


@pytest.mark.parametrize('name', REPORTED)
def test_report_groups(name):
    first, base, second = REPORTED[name]
    labels = list(range(1, 21))
    assert get_task('voc', name).report_groups() == {
        first: labels[:base],
        second: labels[base:],
        'all': labels,
    }


@pytest.mark.parametrize('name', REPORTED)
def test_report_groups_with_background(name):
    _, base, second = REPORTED[name]
    labels = list(range(21))
    groups = get_task('voc', name).report_groups(background=True)
    assert groups == {
        f'0-{base}': labels[: base + 1],
        second: labels[base + 1 :],
        'all': labels,
    }
    assert list(groups) == [f'0-{base}', second, 'all']


def test_report_groups_of_offline():
    labels = list(range(1, 21))
    assert get_task('voc', 'offline').report_groups() == {'1-20': labels, 'all': labels}
    assert get_task('voc', 'offline').report_groups(background=True) == {
        '0-20': [0, *labels],
        'all': [0, *labels],
    }


def test_both_names_of_the_single_class_task_agree():
    assert get_task('voc', '15-5s').groups == get_task('voc', '15-1').groups


def test_voc_names_are_those_of_mmseg():
    assert ('background', *class_names('voc')) == PascalVOCDataset.METAINFO['classes']


def test_channel_names_grow_in_learning_order():
    task = get_task('voc', '15-5s', class_order=range(20, 0, -1))
    names = PascalVOCDataset.METAINFO['classes']
    assert task.channel_names(0) == ['background', *names[20:5:-1]]
    assert task.channel_names(1) == ['background', *names[20:4:-1]]
    assert task.channel_names(5) == ['background', *names[20:0:-1]]


@pytest.mark.parametrize(
    ('name', 'count', 'sizes'),
    [
        ('100-50', 150, [100, 50]),
        ('100-10', 150, [100, 10, 10, 10, 10, 10]),
        ('50-50', 150, [50, 50, 50]),
        ('100-5', 150, [100] + [5] * 10),
        ('14-1', 19, [14, 1, 1, 1, 1, 1]),
        ('1-1', 2, [1, 1]),
        ('2-4s', 6, [2, 1, 1, 1, 1]),
        ('offline', 3, [3]),
    ],
)
def test_other_data_sets_through_their_classes(name, count, sizes):
    task = get_task('mine', name, classes=[f'class {i}' for i in range(1, count + 1)])
    assert [len(group) for group in task.groups] == sizes
    assert task.class_order == list(range(1, count + 1))
    assert task.channel_names(0)[:2] == ['background', 'class 1']
    assert task.channel_names(task.num_steps - 1)[-1] == f'class {count}'


def test_classes_win_over_the_known_names():
    assert get_task('voc', '1-1', classes=['cat', 'dog']).channel_names(1)[1:] == ['cat', 'dog']


def test_class_order_mixes_labels_and_names():
    task = get_task('shapes', '4-1', class_order=['cross', 2, 'star', 1, 'ring', 3])
    assert task.groups == ((6, 2, 4, 1), (5,), (3,))
    assert task.channel_names(2) == [
        'background', 'cross', 'square', 'star', 'disc', 'ring', 'triangle',
    ]  # fmt: skip
    assert task.old_classes(2) == [6, 2, 4, 1, 5]
    assert task.report_groups(background=True) == {
        '0-4': [0, 6, 2, 4, 1],
        '5-6': [5, 3],
        'all': [0, 6, 2, 4, 1, 5, 3],
    }


def test_class_order_may_leave_classes_out():
    task = get_task('voc', '2-1', class_order=['cat', 'dog', 'cow', 'horse'])
    assert task.groups == ((8, 12), (10,), (13,))
    assert task.future_classes(0) == [10, 13]


@pytest.mark.parametrize(
    'name',
    [
        '15-4', '15-3', '20-5', '20-1', '0-5', '0-20s', '15-0', '20-0', '15-4s', '15-6s', '16-5s',
        '25-5', '0-0s', '20-0s',
    ],
)  # fmt: skip
def test_refuses_a_name_that_does_not_fit_the_classes(name):
    with pytest.raises(ValueError, match=f'{name}.* (does not fit 20|needs .* there are 20)'):
        get_task('voc', name)


@pytest.mark.parametrize(
    'name',
    ['', '15', '15-', '-5', '15-5x', '15-5ss', '15_5', 'Offline', '15-5\n', '-15-5', '1.5-5'],
)
def test_refuses_an_unknown_name(name):
    with pytest.raises(ValueError, match='unknown task'):
        get_task('voc', name)


def test_refuses_a_name_that_is_a_number():
    with pytest.raises(ValueError, match='unknown task 15'):
        get_task('voc', 15)


def test_refuses_an_unknown_data_set_and_says_how_to_name_its_classes():
    with pytest.raises(ValueError, match=r"unknown data set 'camvid'.*classes=\["):
        get_task('camvid', '14-1')
    with pytest.raises(ValueError, match='unknown data set'):
        class_names('VOC')


@pytest.mark.parametrize(
    ('order', 'message'),
    [
        ([1, 2, 3, 4, 5, 5], r'class 5 \(ring\) is listed twice'),
        ([1, 2, 3, 4, 'disc', 5], r'class 1 \(disc\) is listed twice'),
        ([0, 1, 2, 3, 4, 5], 'label of background'),
        ([1, 2, 3, 4, 5, 255], 'label of void'),
        ([1, 2, 3, 4, 5, 7], "class 7, which data set 'shapes' lacks"),
        ([1, 2, 3, 4, 5, -1], "class -1, which data set 'shapes' lacks"),
        ([1, 2, 3, 4, 5, 'circle'], "lacks class 'circle'"),
        ([1, 2, 3, 4, 5, 6.0], 'whole number'),
        ([1, 2, 3, 4, 5, None], 'whole number'),
        ([1, 2, 3, 4, 5], 'does not fit 5 classes'),
    ],
)
def test_refuses_a_bad_class_order(order, message):
    with pytest.raises(ValueError, match=message):
        get_task('shapes', '4-2', class_order=order)
