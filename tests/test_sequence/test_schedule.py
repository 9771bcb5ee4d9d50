"""How long and how fast each step learns."""

import argparse
import copy

import pytest
from mmengine.config import DictAction
from tiny import leaf, tiny_sequence

from mmseg_incremental.errors import InputError
from mmseg_incremental.sequence import load_sequence, plan_sequence
from mmseg_incremental.sequence.schedule import StepSchedule, read_schedules, training_iters

BASE = {'first': dict(lr=0.1, epochs=30), 'later': dict(lr=0.01, epochs=20)}
FIRST, LATER = StepSchedule(lr=0.1, epochs=30), StepSchedule(lr=0.01, epochs=20)


def read(**entries):
    return read_schedules({**BASE, **entries}, 3)


# --- what a step's schedule is made of ----------------------------------------------------------


def test_first_and_later():
    assert read() == (FIRST, LATER, LATER)
    assert read_schedules(BASE, 1) == (FIRST,)


def test_a_task_of_one_step_needs_no_later_steps():
    assert read_schedules({'first': BASE['first']}, 1) == (FIRST,)


@pytest.mark.parametrize('key', ['2', 2])
def test_the_number_of_a_step_goes_before(key):
    assert read(**{str(key): dict(lr=0.5)})[2] == StepSchedule(lr=0.5, epochs=20)
    assert read_schedules({**BASE, key: dict(freeze_norm=True)}, 3) == (
        FIRST, LATER, StepSchedule(lr=0.01, epochs=20, freeze_norm=True)
    )  # fmt: skip


def test_the_number_0_goes_before_first():
    assert read(**{'0': dict(lr=0.5)}) == (StepSchedule(lr=0.5, epochs=30), LATER, LATER)


def test_a_list_has_an_entry_per_step():
    steps = [dict(lr=1.0), dict(epochs=7), dict(num_evaluations=3)]
    assert read(steps=steps) == (
        StepSchedule(lr=1.0, epochs=30),
        StepSchedule(lr=0.01, epochs=7),
        StepSchedule(lr=0.01, epochs=20, num_evaluations=3),
    )


def test_a_list_alone_is_enough():
    steps = [dict(lr=1.0, iters=5), dict(lr=2.0, epochs=6), dict(lr=3.0, iters=7)]
    expected = (
        StepSchedule(lr=1.0, iters=5),
        StepSchedule(lr=2.0, epochs=6),
        StepSchedule(lr=3.0, iters=7),
    )
    assert read_schedules({'steps': steps}, 3) == expected


def test_an_empty_entry_of_the_list_changes_nothing():
    assert read(steps=[{}, None, dict(lr=0.5)])[:2] == (FIRST, LATER)


def test_the_number_goes_before_the_list():
    found = read(steps=[{}, dict(lr=1.0, freeze_norm=True), {}], **{'1': dict(lr=2.0)})
    assert found[1] == StepSchedule(lr=2.0, epochs=20, freeze_norm=True)


def test_a_length_takes_the_place_of_the_other_kind():
    assert read(**{'1': dict(iters=5)})[1] == StepSchedule(lr=0.01, iters=5)
    assert read(steps=[dict(iters=5), {}, {}])[0] == StepSchedule(lr=0.1, iters=5)
    both = read(steps=[{}, dict(iters=5), {}], **{'1': dict(epochs=2)})
    assert both[1] == StepSchedule(lr=0.01, epochs=2)


def test_a_length_of_none_is_no_length():
    assert read(**{'1': dict(iters=None, lr=0.5)})[1] == StepSchedule(lr=0.5, epochs=20)
    assert read(first=dict(lr=0.1, epochs=None, iters=4))[0] == StepSchedule(lr=0.1, iters=4)


def test_what_is_read_is_left_alone():
    entries = {**BASE, 'steps': [{}, {}, {}], '1': dict(iters=5)}
    before = copy.deepcopy(entries)
    read_schedules(entries, 3)
    assert entries == before


# --- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(frist={}), r"unknown keys \['frist'\]; known are first, later, steps and .* 0 to 2"),
        ({'3': {}}, r"unknown keys \['3'\]"),
        ({'-1': {}}, r"unknown keys \['-1'\]"),
        ({'01': {}}, r"unknown keys \['01'\]"),
        (dict(steps=dict(lr=1.0)), r'steps must be a list with an entry for each of the 3 steps'),
        (dict(steps=[{}, {}]), r'for each of the 3 steps, got \[\{\}, \{\}\]'),
        (dict(steps=[{}] * 4), r'for each of the 3 steps'),
        (dict(steps='1,2,3'), r'for each of the 3 steps'),
        (dict(steps=[{}, 3, {}]), r'step_schedule\.steps\[1\] must be a dict, got 3'),
        ({'1': 3}, r'step_schedule\.1 must be a dict, got 3'),
        (dict(first=3), r'step_schedule\.first must be a dict, got 3'),
        ({'1': dict(rate=3)}, r"schedule\.1 has unknown keys \['rate'\]; known are \['epochs'"),
        (dict(steps=[{}, {}, dict(x=1)]), r"step_schedule\.steps\[2\] has unknown keys \['x'\]"),
        (dict(later=dict(lr=1.0, y=1)), r"step_schedule\.later has unknown keys \['y'\]"),
        (dict(first=None), r'step_schedule\.first must give lr and one of epochs and iters'),
        (dict(later=dict(epochs=2)), r'step_schedule\.later must give lr'),
        (dict(later=dict(lr=1.0)), r'step_schedule\.later must give lr and one'),
        ({'1': dict(epochs=1, iters=2)}, r'later and step_schedule\.1 must give .* one of epochs'),
        (dict(first=dict(lr=1.0, epochs=1, iters=2)), r'step_schedule\.first must give'),
        ({'1': dict(epochs=None)}, r'step_schedule\.later and step_schedule\.1 must give'),
        ({'2': dict(num_evaluations=0)}, r'later and step_schedule\.2: num_evaluations must be'),
        (dict(first=dict(lr=1.0, iters=9, num_evaluations=1.5)), r'first: num_evaluations must be'),
        ({'2': dict(num_evaluations=True)}, r'num_evaluations must be a positive whole number'),
        ({'1': dict(lr=None)}, r'step_schedule\.1: lr must be a number that is not negative'),
        ({'1': dict(lr='fast')}, r"lr must be a number that is not negative, got 'fast'"),
        ({'1': dict(lr=-0.1)}, r'lr must be a number that is not negative, got -0\.1'),
        ({'1': dict(lr=float('nan'))}, r'lr must be a number that is not negative, got nan'),
        ({'1': dict(epochs=0)}, r'epochs must be a positive whole number, got 0'),
        ({'1': dict(iters=2.5)}, r'iters must be a positive whole number, got 2\.5'),
        ({'1': dict(freeze_norm='no')}, r"freeze_norm must be True or False, got 'no'"),
    ],
    ids=str,
)
def test_mistake_is_told_with_its_place(changes, message):
    with pytest.raises(InputError, match=message) as caught:
        read(**changes)
    assert '\n' not in str(caught.value)


# --- in a config --------------------------------------------------------------------------------


def options(*texts):
    """What the command line makes of ``--cfg-options``."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args(['--cfg-options', *texts]).cfg_options


def test_a_step_from_the_command_line():
    sequence = load_sequence(
        leaf(), options('step_schedule.2.lr=0.5', 'step_schedule.2.freeze_norm=True')
    )
    assert sequence.schedules == (
        StepSchedule(lr=3e-2, iters=400),
        StepSchedule(lr=1e-2, iters=150),
        StepSchedule(lr=0.5, iters=150, freeze_norm=True),
    )
    for step, rate in enumerate((3e-2, 1e-2, 0.5)):
        cfg = sequence.step(step).config
        assert cfg.optim_wrapper.optimizer.lr == rate
        assert [part.type for part in cfg.model.trainable] == ['FreezeNorm'] * (step == 2)


def test_a_list_in_a_leaf_and_one_of_it_from_the_command_line(tmp_path):
    path = tmp_path / 'mine.py'
    path.write_text(
        f'_base_ = {leaf()!r}\n'
        'step_schedule = dict(steps=[dict(iters=3), dict(epochs=2), dict(lr=0.5)])\n'
    )
    expected = [
        StepSchedule(lr=3e-2, iters=3), StepSchedule(lr=1e-2, epochs=2),
        StepSchedule(lr=0.5, iters=150),
    ]  # fmt: skip
    assert list(load_sequence(path).schedules) == expected
    sequence = load_sequence(path, options('step_schedule.steps.1.epochs=4'))
    assert sequence.schedules[1] == StepSchedule(lr=1e-2, epochs=4)


def test_a_step_that_the_task_lacks_is_told():
    with pytest.raises(InputError, match=r"unknown keys \['3'\]; .* 0 to 2"):
        load_sequence(leaf(), options('step_schedule.3.lr=0.5'))


def test_plan_has_the_schedule_of_each_step(shapes, tmp_path):
    changes = {'step_schedule.1.epochs': 3, 'step_schedule.2.iters': 9, 'step_schedule.2.lr': 0.5}
    first, second, third = plan_sequence(tiny_sequence(shapes, tmp_path, **changes))
    assert (first.iters, first.lr) == (6, 3e-2)
    assert (second.iters, second.lr) == (3 * (second.num_images // 4), 1e-2)
    assert (third.iters, third.lr) == (9, 0.5)


# --- training_iters -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('num_images', 'batch_size', 'epochs', 'expected'),
    [
        (100, 24, 30, 120),
        (96, 24, 30, 120),
        (95, 24, 30, 90),
        (24, 24, 2, 2),
        (23, 24, 2, 2),
        (1, 64, 30, 30),
        (9568, 32, 30, 8970),  # VOC 15-5 overlapped, step 0, R101
        (2145, 32, 30, 2010),
        (10582, 64, 20, 3300),
        (100, 24, 0, 0),
    ],
)
def test_epochs_by_hand(num_images, batch_size, epochs, expected):
    assert training_iters(num_images, batch_size, epochs=epochs) == expected


@pytest.mark.parametrize('num_images', [1, 1000])
def test_iterations_are_taken_as_they_are(num_images):
    assert training_iters(num_images, 24, iters=7) == 7
    assert training_iters(num_images, 24, epochs=None, iters=7) == 7
