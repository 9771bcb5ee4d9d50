"""Data without a background: what a label value means, and what a step sees of it."""

import pytest

from mmseg_incremental.datasets import get_protocol, label_meaning, label_table
from mmseg_incremental.errors import InputError
from mmseg_incremental.tasks import Task, get_task

STREETS = Task('streets', '2-1', ('sky', 'road', 'car', 'pole'), ((1, 2), (3,)), background=False)
MIB, PLOP = get_protocol('mib'), get_protocol('plop')


def test_channels_are_the_classes_alone() -> None:
    assert STREETS.classes_per_step(1) == [2, 1]
    assert STREETS.channel_names(1) == ['sky', 'road', 'car']
    assert STREETS.channel_labels(1) == [1, 2, 3]
    assert STREETS.label_names[0] == 'unlabelled'
    groups = {'1-2': [1, 2], '3': [3], 'all': [1, 2, 3]}
    assert STREETS.report_groups(True) == STREETS.report_groups(False) == groups


def test_values_begin_at_zero() -> None:
    assert label_meaning(STREETS) == {0: 1, 1: 2, 2: 3, 3: 4, 255: 255}
    assert label_meaning(STREETS, STREETS.names) == label_meaning(STREETS)
    with pytest.raises(InputError, match='takes labels 0 to 3 for'):
        label_meaning(STREETS, ('background', *STREETS.names))


@pytest.mark.parametrize(
    ('labels', 'meaning'),
    [
        (dict(unlabelled=11), {0: 1, 1: 2, 2: 3, 3: 4, 11: 0, 255: 255}),
        (dict(first=1, unlabelled=[0, 9]), {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 9: 0, 255: 255}),
        (dict(classes=dict(car=255, sky=[3, 5]), unlabelled=0), {0: 0, 3: 1, 5: 1, 255: 3}),
        (dict(void=7), {0: 1, 1: 2, 2: 3, 3: 4, 7: 255}),
    ],
)
def test_values_by_config(labels: dict, meaning: dict) -> None:
    assert label_meaning(STREETS, labels=labels) == meaning


def test_values_of_data_with_a_background() -> None:
    task = get_task('mine', '1-1', classes=['cat', 'dog'])
    assert label_meaning(task, labels=dict(unlabelled=9)) == {0: 0, 1: 1, 2: 2, 9: 255, 255: 255}
    assert label_meaning(task, labels=dict(first=0, background=7)) == {0: 1, 1: 2, 7: 0, 255: 255}
    assert label_meaning(task, labels=dict(classes=dict(cat=255))) == {0: 0, 255: 1}


@pytest.mark.parametrize(
    ('labels', 'message'),
    [
        (dict(unlabelled=2), "value 2 means 'car' and 'unlabelled'"),
        (dict(offset=1), "unknown keys \\['offset'\\]"),
        (dict(classes=dict(bus=1)), "names 'bus', which task '2-1' lacks"),
        (dict(first=253), 'whole number from 0 to 255, not 256'),
        (dict(background=0), "labels.background: task '2-1' has no background"),
        (dict(first=1, classes=dict(car=1)), 'first or classes, not both'),
    ],
)
def test_wrong_values_are_refused(labels: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        label_meaning(STREETS, labels=labels)


@pytest.mark.parametrize(
    ('step', 'protocol', 'any_old', 'seen'),
    [
        # of unlabelled, sky, road, car, pole and void
        (0, MIB, True, [255, 0, 1, 255, 255, 255]),
        (1, MIB, True, [0, 0, 0, 2, 0, 0]),
        (1, PLOP, True, [0, 0, 0, 2, 0, 255]),
        (1, MIB, False, [255, 255, 255, 2, 255, 255]),
    ],
)
def test_training_labels(step: int, protocol: object, any_old: bool, seen: list) -> None:
    table = label_table(STREETS, step, 'overlapped', protocol, True, any_old)
    assert table[[0, 1, 2, 3, 4, 255]].tolist() == seen


def test_where_old_classes_are_labelled_the_rest_is_none_of_them() -> None:
    table = label_table(STREETS, 1, 'sequential', MIB, True, any_old=True)
    assert table[[0, 1, 2, 3, 4, 255]].tolist() == [255, 0, 1, 2, 255, 255]


@pytest.mark.parametrize('protocol', [MIB, PLOP])
def test_evaluation_counts_classes_only(protocol: object) -> None:
    table = label_table(STREETS, 0, 'overlapped', protocol, False)
    assert table[[0, 1, 2, 3, 4, 255]].tolist() == [255, 0, 1, 255, 255, 255]
