"""The task object, and tasks of a user's own."""

import ast
import copy
import dataclasses
import pickle
import subprocess
import sys

import pytest
from mmengine.config import ConfigDict

from mmseg_incremental.errors import InputError
from mmseg_incremental.tasks import Task, build_task, get_task

NAMES = ('cat', 'dog', 'hen', 'owl')


def make_task(groups=((3, 1), (4,)), base=0):
    return Task('pets', 'mine', NAMES, groups, base)


def test_importing_tasks_loads_no_framework():
    code = (
        'import sys, mmseg_incremental.tasks\n'
        'roots = {name.partition(".")[0] for name in sys.modules}\n'
        'print(sorted(r for r in roots if r == "torch" or r.startswith("mm")))\n'
        'print(sorted(n for n in sys.modules if n.startswith("mmseg_incremental.")))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    roots, own = map(ast.literal_eval, done.stdout.splitlines())
    assert roots == ['mmseg_incremental']
    assert all(n.startswith(('mmseg_incremental.tasks', 'mmseg_incremental.errors')) for n in own)


def test_learning_order_is_not_label_order():
    task = make_task()
    assert task.num_steps == 2
    assert task.class_order == [3, 1, 4]
    assert (task.old_classes(0), task.new_classes(0), task.future_classes(0)) == ([], [3, 1], [4])
    assert (task.old_classes(1), task.new_classes(1), task.future_classes(1)) == ([3, 1], [4], [])
    assert (task.seen_classes(0), task.seen_classes(1)) == ([3, 1], [3, 1, 4])
    assert task.classes_per_step(1) == [3, 1]
    assert task.channel_names(1) == ['background', 'hen', 'cat', 'owl']


def test_groups_of_one_class_are_reported_by_one_number():
    assert make_task(((3,), (1,), (4,))).report_groups() == {
        '1': [3],
        '2-3': [1, 4],
        'all': [3, 1, 4],
    }
    assert make_task(((3,), (1,))).report_groups(background=True) == {
        '0-1': [0, 3],
        '2': [1],
        'all': [0, 3, 1],
    }


@pytest.mark.parametrize(
    ('base', 'groups'),
    [
        (1, {'1': [3], '2-4': [1, 4, 2], 'all': [3, 1, 4, 2]}),
        (3, {'1-3': [3, 1, 4], '4': [2], 'all': [3, 1, 4, 2]}),
        (4, {'1-4': [3, 1, 4, 2], 'all': [3, 1, 4, 2]}),
    ],
)
def test_base_moves_the_border_of_the_report_only(base, groups):
    task = make_task(((3, 1), (4, 2)), base)
    assert task.report_groups() == groups
    assert task.classes_per_step(1) == make_task(((3, 1), (4, 2))).classes_per_step(1) == [3, 2]


def test_base_splits_the_report_of_offline_as_the_bound_of_15_5():
    offline = build_task(dict(dataset='voc', name='offline', base=15))
    for background in (False, True):
        expected = get_task('voc', '15-5').report_groups(background)
        assert offline.report_groups(background) == expected
    assert offline.num_steps == 1


@pytest.mark.parametrize('base', [-1, 4])
def test_refuses_a_base_beyond_the_classes(base):
    with pytest.raises(ValueError, match=f'base {base}'):
        make_task(base=base)


def test_is_frozen():
    task = make_task()
    for field in dataclasses.fields(task):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(task, field.name, None)


def test_what_it_returns_is_the_callers_to_change():
    task = make_task()
    before = pickle.dumps(task)
    for method in ('new_classes', 'old_classes', 'seen_classes', 'classes_per_step'):
        getattr(task, method)(1).clear()
    task.class_order.clear()
    task.channel_names(1).clear()
    for labels in task.report_groups(background=True).values():
        labels.clear()
    assert pickle.dumps(task) == before
    assert task.report_groups()['all'] == [3, 1, 4]


def test_equal_tasks_are_interchangeable():
    task = get_task('voc', '15-5')
    for other in (get_task('voc', '15-5'), copy.deepcopy(task), pickle.loads(pickle.dumps(task))):
        assert other == task
        assert hash(other) == hash(task)
    assert get_task('voc', '15-5s') != task


@pytest.mark.parametrize('step', [-1, 2, 100])
@pytest.mark.parametrize(
    'method',
    [
        'new_classes',
        'old_classes',
        'seen_classes',
        'future_classes',
        'classes_per_step',
        'channel_names',
    ],
)
def test_refuses_a_step_out_of_range(method, step):
    with pytest.raises(ValueError, match=rf'no step {step}; its steps are 0 to 1'):
        getattr(make_task(), method)(step)


@pytest.mark.parametrize(
    ('groups', 'message'),
    [
        (((1, 2), (2,)), r'class 2 \(dog\) is listed twice, the second time in step 1'),
        (((1, 1),), 'listed twice, the second time in step 0'),
        (((1, 0),), 'step 0 lists 0, which is the label of background'),
        (((1,), (255,)), 'step 1 lists 255, which is the label of void'),
        (((1,), (5,)), "class 5, which data set 'pets' lacks; it has classes 1 to 4"),
        (((-2,),), 'class -2, which'),
        (((1,), (), (2,)), 'the group of step 1 is empty'),
        (((),), 'the group of step 0 is empty'),
        ((), 'no group'),
    ],
)
def test_refuses_bad_groups(groups, message):
    with pytest.raises(ValueError, match=message):
        make_task(groups)
    with pytest.raises(InputError):
        build_task(dict(dataset='pets', name='mine', classes=NAMES, groups=groups))


def test_255_is_void_however_many_classes_there_are():
    names = tuple(f'class {i}' for i in range(1, 300))
    with pytest.raises(ValueError, match='void'):
        Task('huge', 'mine', names, ((255,),))


GROUPS = dict(dataset='voc', name='pets', groups=[['cat', 'dog'], ['horse'], ['cow', 'sheep']])


@pytest.mark.parametrize('wrap', [dict, ConfigDict])
def test_builds_groups_of_names(wrap):
    task = build_task(wrap(GROUPS))
    assert task.groups == ((8, 12), (13,), (10, 17))
    assert (task.dataset, task.name) == ('voc', 'pets')
    assert task.classes_per_step(2) == [3, 1, 2]
    assert task.report_groups() == {
        '1-2': [8, 12],
        '3-5': [13, 10, 17],
        'all': [8, 12, 13, 10, 17],
    }
    assert GROUPS['groups'] == [['cat', 'dog'], ['horse'], ['cow', 'sheep']]


def test_builds_groups_of_labels_and_of_both():
    assert build_task({**GROUPS, 'groups': [[8, 12], [13], [10, 17]]}) == build_task(GROUPS)
    assert build_task({**GROUPS, 'groups': [['cat', 12], (13,), [10, 'sheep']]}) == build_task(
        GROUPS
    )


def test_builds_groups_of_an_unknown_data_set():
    task = build_task(
        dict(dataset='pets', name='mine', classes=list(NAMES), groups=[['owl'], ['cat']], base=2)
    )
    assert task == Task('pets', 'mine', NAMES, ((4,), (1,)), 2)


def test_builds_named_tasks():
    for wrap in (dict, ConfigDict):
        spec = wrap(dataset='voc', name='10-5', class_order=list(range(20, 0, -1)), base=15)
        assert build_task(spec) == get_task('voc', '10-5', range(20, 0, -1), base=15)
    spec = dict(dataset='pets', name='2-1', classes=NAMES)
    assert build_task(spec).groups == ((1, 2), (3,), (4,))


def test_builds_a_task_from_itself():
    task = make_task()
    assert build_task(task) is task


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(group=[[1]]), r"unknown keys \['group'\]"),
        (dict(steps=3, order=1), r"unknown keys \['order', 'steps'\]"),
        (dict(class_order=[1, 2]), 'not both'),
        (dict(groups=[['cat'], ['unicorn']]), "lacks class 'unicorn'"),
        (dict(groups=[['cat'], ['Dog']]), "lacks class 'Dog'"),
        (dict(groups=['cat', 'dog']), 'list of lists'),
        (dict(groups=[8, 12]), 'list of lists'),
        (dict(groups='cat'), 'list of lists'),
        (dict(groups=None), 'list of lists'),
        (dict(groups=[[8], [1.5]]), 'whole number'),
        (dict(groups=[]), 'no group'),
        (dict(dataset='nowhere'), 'unknown data set'),
        (dict(base=6), 'base 6'),
    ],
)
def test_refuses_bad_keys_and_values(change, message):
    with pytest.raises(ValueError, match=message):
        build_task({**GROUPS, **change})


@pytest.mark.parametrize('spec', [dict(name='15-5'), dict(dataset='voc'), dict()])
def test_refuses_missing_keys(spec):
    with pytest.raises(ValueError, match='task lacks'):
        build_task(spec)


@pytest.mark.parametrize('spec', ['15-5', None, 15, ['voc', '15-5']])
def test_refuses_what_is_no_task(spec):
    with pytest.raises(ValueError, match='task must be a dict'):
        build_task(spec)


def test_groups_beat_the_name():
    assert build_task(dict(dataset='voc', name='15-5', groups=[[1], [2]])).groups == ((1,), (2,))


@pytest.mark.parametrize('names', [('a', 'a'), ('background', 'b')])
def test_names_that_cannot_be_told_apart_are_refused(names):
    with pytest.raises(ValueError, match='class names must differ'):
        Task('d', 't', names, ((1,), (2,)))


@pytest.mark.parametrize('base', ['1', None, 1.5])
def test_base_must_be_whole(base):
    with pytest.raises(ValueError, match='not a whole number'):
        Task('d', 't', ('a', 'b'), ((1,), (2,)), base)
