"""Evaluation while a step is being learnt."""

import shutil

import pytest
from tiny import assert_same_weights, tiny_sequence

from mmseg_incremental.apis import RunOptions, run_sequence
from mmseg_incremental.engine.learning_curve import LearningCurve, read_learning_curve
from mmseg_incremental.errors import InputError
from mmseg_incremental.sequence import load_checkpoint

EVALUATIONS = {'step_schedule.first.num_evaluations': 3}


def sequence(shapes, work_dir, **options):
    return tiny_sequence(shapes, work_dir, 'ft', **{**EVALUATIONS, **options})


@pytest.fixture(scope='module')
def curved(shapes, tmp_path_factory):
    """Work dir and results of a step 0 that was evaluated three times."""
    work_dir = tmp_path_factory.mktemp('curve')
    return work_dir, run_sequence(sequence(shapes, work_dir), RunOptions([0]))


def test_curve_is_in_the_results_and_ends_with_them(curved):
    work_dir, results = curved
    first = results.steps[0]
    assert [point['iteration'] for point in first['learning_curve']] == [2, 4, 6]
    last = first['learning_curve'][-1]
    assert last['mIoU'] == first['mIoU']
    assert last['mIoU_with_background'] == first['mIoU_with_background']
    assert last['pixel_accuracy'] == first['pixel_accuracy']
    assert read_learning_curve(work_dir / 'step_0') == first['learning_curve']


def test_evaluating_changes_no_weight(shapes, curved, tmp_path):
    plain = sequence(shapes, tmp_path, **{'step_schedule.first.num_evaluations': 1})
    assert 'learning_curve' not in run_sequence(plain, RunOptions([0])).steps[0]
    one, other = (load_checkpoint(path / 'step_0.pth') for path in (curved[0], tmp_path))
    assert one['meta']['fingerprint'] == other['meta']['fingerprint']
    assert_same_weights(curved[0], tmp_path, steps=1)


class FakeRunner:
    """As much of a runner as the hook reads."""

    def __init__(self, work_dir, iteration):
        self.work_dir, self.iter = str(work_dir), iteration
        self.ran = 0
        self.train_loop = self.val_loop = self
        self.val_interval = 2

    def run(self):
        self.ran += 1


METRICS = {'mIoU/1-4': 1.0, 'aAcc': 50.0, 'IoU/disc': float('nan')}


def test_missed_evaluation_is_made_up_for(tmp_path):
    hook = LearningCurve()
    for iteration, expected in ((0, 0), (2, 0), (3, 0), (4, 1)):
        folder = tmp_path / str(iteration)
        folder.mkdir()
        hook.after_val_epoch(FakeRunner(folder, 2), METRICS)
        runner = FakeRunner(folder, iteration)
        hook.before_train(runner)
        assert runner.ran == expected, iteration


@pytest.mark.parametrize(('iteration', 'kept'), [(0, []), (3, [2]), (4, [2, 4]), (6, [2, 4, 6])])
def test_points_of_a_discarded_run_go(tmp_path, iteration, kept):
    hook = LearningCurve()
    for number in (2, 4, 6):
        hook.after_val_epoch(FakeRunner(tmp_path, number), METRICS)
    points = read_learning_curve(tmp_path)
    assert [point['iteration'] for point in points] == [2, 4, 6]
    assert points[0]['mIoU'] == {'1-4': 1.0}
    assert points[0]['IoU'] == {'disc': None}
    runner = FakeRunner(tmp_path, iteration)
    hook.before_train(runner)
    assert [point['iteration'] for point in read_learning_curve(tmp_path)] == kept
    assert runner.ran == 0


def test_curve_of_an_overwritten_step_goes_with_it(shapes, curved, tmp_path):
    work_dir = shutil.copytree(curved[0], tmp_path / 'again')
    plain = sequence(shapes, work_dir, **{'step_schedule.first.num_evaluations': 1})
    results = run_sequence(plain, RunOptions([0], overwrite=[0]))
    assert 'learning_curve' not in results.steps[0]


@pytest.mark.parametrize('number', [0, -1, 1.5, 'x'])
def test_number_of_evaluations_is_checked(shapes, tmp_path, number):
    with pytest.raises(InputError, match='num_evaluations must be a positive whole number'):
        sequence(shapes, tmp_path, **{'step_schedule.first.num_evaluations': number})
