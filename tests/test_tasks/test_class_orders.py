"""Published orders against the task lists of their authors, written out here once more."""

import pytest

from mmseg_incremental.errors import InputError
from mmseg_incremental.tasks import class_names, get_task
from mmseg_incremental.tasks.class_orders import CLASS_ORDERS

#: MiB's tasks_ade: the classes that its 100-50b and 100-50c, and its 50b and 50c, learn last.
LAST_FIFTY = {
    'mib-b': {
        2, 4, 7, 11, 15, 16, 17, 20, 30, 35, 37, 41, 50, 51, 52, 59, 64, 65, 66, 67, 68, 72, 73,
        78, 79, 83, 85, 88, 89, 92, 94, 97, 98, 102, 108, 110, 111, 112, 114, 115, 118, 122, 124,
        127, 137, 138, 139, 141, 145, 146,
    },
    'mib-c': {
        2, 3, 4, 7, 15, 18, 21, 22, 38, 39, 42, 47, 49, 51, 53, 55, 58, 59, 60, 62, 64, 72, 73,
        75, 80, 88, 89, 91, 92, 93, 100, 101, 103, 104, 107, 108, 113, 116, 117, 122, 125, 127,
        130, 131, 137, 140, 141, 145, 148, 150,
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ('dataset', 'name'), [(d, name) for d, orders in CLASS_ORDERS.items() for name in orders]
)
def test_every_class_is_learnt_once(dataset, name):
    order = CLASS_ORDERS[dataset][name]
    assert sorted(order) == list(range(1, len(class_names(dataset)) + 1))


@pytest.mark.parametrize('name', LAST_FIFTY)
@pytest.mark.parametrize('task', ['50-50', '100-50', '100-10', '100-5'])
def test_tasks_of_ade20k_learn_the_classes_of_mibs_last(task, name):
    groups = get_task('ade20k', task, class_order=name).groups
    later = [set(group) for group in groups]
    assert set().union(*later[-(50 // len(later[-1])) :]) == LAST_FIFTY[name]


def test_groups_of_ten_are_those_of_100_10b_and_c():
    groups = {
        name: get_task('ade20k', '100-10', class_order=name).groups for name in ('mib-b', 'mib-c')
    }
    assert set(groups['mib-b'][2]) == {30, 37, 51, 52, 72, 85, 98, 114, 115, 138}
    assert set(groups['mib-c'][5]) == {15, 21, 72, 75, 88, 93, 103, 107, 122, 150}


def test_plops_15_5s_b_and_w():
    first = get_task('voc', '15-5s', class_order='plop-b').groups
    assert first[0] == (12, 9, 20, 7, 15, 8, 14, 16, 5, 19, 4, 1, 13, 2, 11)
    assert first[1:] == ((17,), (3,), (6,), (18,), (10,))
    last = get_task('voc', '15-1', class_order='plop-w').groups
    assert last[1:] == ((3,), (15,), (6,), (5,), (17,))


def test_mibs_19_1b_learns_the_bottle_last():
    assert get_task('voc', '19-1', class_order='mib-b').new_classes(1) == [5]


def test_unknown_orders_are_named_with_the_known_ones():
    with pytest.raises(InputError, match=r"unknown class_order 'plop-x'.*known: mib-b, plop-b"):
        get_task('voc', '15-5s', class_order='plop-x')
    with pytest.raises(InputError, match='known: none; those of voc, ade20k are'):
        get_task('shapes', '4-1', class_order='mib-b')
