"""What a run will do, checked before anything is trained."""

import shutil

import pytest
import torch
from PIL import Image
from tiny import cfg_options, leaf, run_tool, tiny_sequence

from mmseg_incremental.datasets import DataError
from mmseg_incremental.errors import InputError
from mmseg_incremental.sequence import RunOptions, plan_sequence
from mmseg_incremental.sequence.plan_table import plan_table


def test_plan_follows_the_config(shapes, tmp_path) -> None:
    first, second, third = plan_sequence(tiny_sequence(shapes, tmp_path / 'new'))
    assert first.new_classes == ('disc', 'square', 'triangle', 'star')
    assert (second.new_classes, third.new_classes) == (('ring',), ('cross',))
    assert (first.lr, second.lr, third.lr) == (3e-2, 1e-2, 1e-2)
    assert first.source == 'random weights'
    assert second.source == first.target == f'{tmp_path}/new/step_0.pth'
    assert not first.done
    assert first.memory == ()
    assert third.num_test_images <= 9
    assert not (tmp_path / 'new').exists()


def test_planning_writes_nothing_but_the_cache(shapes, tmp_path) -> None:
    root = tmp_path / 'data'
    shutil.copytree(shapes, root)
    before = sorted(root.rglob('*'))
    plan_sequence(tiny_sequence(root, tmp_path / 'work'))
    assert sorted(root.rglob('*')) == before
    assert sorted(tmp_path.iterdir()) == [root]


def test_linear_rule_scales_with_the_batch_over_all_processes(shapes, tmp_path) -> None:
    sequence = tiny_sequence(shapes, tmp_path, **{'auto_scale_lr.enable': True})
    base = sequence.cfg.auto_scale_lr.base_batch_size
    for processes in (1, 2):
        plans = plan_sequence(sequence, world_size=processes)
        assert plans[0].lr == pytest.approx(3e-2 * 4 * processes / base)
        assert plans[1].lr == pytest.approx(1e-2 * 4 * processes / base)


def test_epochs_become_iterations(shapes, tmp_path) -> None:
    sequence = tiny_sequence(shapes, tmp_path, **{
        'step_schedule.first.iters': None, 'step_schedule.first.epochs': 3
    })  # fmt: skip
    (plan,) = plan_sequence(sequence, RunOptions(steps=[0]), world_size=2)
    assert plan.iters == 3 * (plan.num_images // 8)


def test_problems_of_both_lists_are_told_together(shapes, tmp_path) -> None:
    root = tmp_path / 'broken'
    shutil.copytree(shapes, root)
    ids = {
        part: (root / f'ImageSets/Segmentation/{part}.txt').read_text().split()
        for part in ('train', 'val')
    }
    (root / 'SegmentationClass' / f'{ids["train"][0]}.png').unlink()
    picture = root / 'JPEGImages' / f'{ids["val"][1]}.jpg'
    picture.write_bytes(picture.read_bytes()[:400])
    with pytest.raises(DataError) as caught:
        plan_sequence(tiny_sequence(root, tmp_path / 'work'))
    assert len(caught.value.problems) == 2
    assert 'mask not found' in caught.value.problems[0]
    assert 'picture cannot be read' in caught.value.problems[1]


def test_step_without_pictures_is_found_before_training(shapes, tmp_path) -> None:
    classes = ['disc', 'square', 'triangle', 'star', 'ring', 'cross', 'spiral']
    task = dict(
        _delete_=True, dataset='mine', classes=classes, groups=[['disc'], ['spiral']], name='x'
    )
    sequence = tiny_sequence(shapes, tmp_path, **{'task': task})
    with pytest.raises(DataError, match=r'step 1 \(spiral\) .* selects none of its 40 pictures'):
        plan_sequence(sequence)


def edited(shapes, tmp_path, part, change):
    """The data with a list changed."""
    root = tmp_path / 'data'
    shutil.copytree(shapes, root)
    path = root / f'ImageSets/Segmentation/{part}.txt'
    path.write_text(change(path.read_text()))
    return root


@pytest.mark.parametrize('part', ['train', 'val'])
def test_picture_that_is_listed_twice_is_refused(part, shapes, tmp_path) -> None:
    root = edited(shapes, tmp_path, part, lambda text: text + text.split()[0])
    with pytest.raises(DataError, match=rf'{part}\.txt has 1 ids more than once, the first is'):
        plan_sequence(tiny_sequence(root, tmp_path / 'work'))


def test_pictures_of_both_lists_are_told(shapes, tmp_path, capsys) -> None:
    train = (shapes / 'ImageSets/Segmentation/train.txt').read_text().split()
    root = edited(shapes, tmp_path, 'val', lambda text: '\n'.join([*text.split(), *train[:30]]))
    sequence = tiny_sequence(root, tmp_path / 'work')
    first = plan_sequence(sequence)[0]
    assert first.notes
    assert first.notes[0].startswith('step 0: ')
    assert first.notes[0].endswith('that it is evaluated on are trained on too')
    assert f'note: {first.notes[0]}' in plan_table(sequence, [first]).notes


def test_table_fits_a_terminal_of_80_columns(shapes, tmp_path) -> None:
    sequence = tiny_sequence(shapes, tmp_path / 'work')
    box = plan_table(sequence, plan_sequence(sequence)).text(80).splitlines()[1:-2]
    assert max(map(len, box)) <= 80
    assert 'triangle' in ''.join(box)


def test_class_without_a_training_pixel_is_told(shapes, tmp_path) -> None:
    classes = ['disc', 'square', 'triangle', 'star', 'ring', 'cross', 'spiral']
    groups = [['disc'], ['ring', 'spiral']]
    task = dict(_delete_=True, dataset='mine', classes=classes, groups=groups, name='x')
    first, second = plan_sequence(tiny_sequence(shapes, tmp_path, task=task))
    assert first.notes == ()
    assert second.notes == ('step 1: no training picture shows spiral',)


def test_picture_of_one_pixel_is_refused(shapes, tmp_path) -> None:
    root = edited(shapes, tmp_path, 'train', str)
    name = (root / 'ImageSets/Segmentation/train.txt').read_text().split()[0]
    Image.new('RGB', (1, 64)).save(root / f'JPEGImages/{name}.jpg')
    Image.new('L', (1, 64), 1).save(root / f'SegmentationClass/{name}.png')
    with pytest.raises(DataError, match=rf'{name}\.jpg: the picture is 1x64; one pixel'):
        plan_sequence(tiny_sequence(root, tmp_path / 'work'))


@pytest.mark.parametrize('options', [RunOptions(steps=[3]), RunOptions(overwrite=[3])])
def test_unknown_step_is_refused(options, shapes, tmp_path) -> None:
    with pytest.raises(InputError, match='has no step 3; its steps are 0 to 2'):
        plan_sequence(tiny_sequence(shapes, tmp_path), options)


def test_begun_step_needs_resume(shapes, tmp_path) -> None:
    (tmp_path / 'step_0').mkdir()
    torch.save({'state_dict': {}}, tmp_path / 'step_0' / 'iter_2.pth')
    sequence = tiny_sequence(shapes, tmp_path)
    with pytest.raises(
        InputError, match=r'step 0 is begun in .* --resume, .*--overwrite-step 0, or .*--work-dir'
    ):
        plan_sequence(sequence)
    plan = plan_sequence(sequence, RunOptions(resume=True))[0]
    assert plan.resume_from == str(tmp_path / 'step_0' / 'iter_2.pth')
    plan = plan_sequence(sequence, RunOptions(overwrite=[0]))[0]
    assert (plan.done, plan.resume_from) == (False, None)


# --- a finished sequence ------------------------------------------------------------------------


def test_finished_steps_need_a_word(shapes, trained) -> None:
    sequence = tiny_sequence(shapes, trained)
    with pytest.raises(InputError, match=r'step 0 is done in .* --overwrite-step 0'):
        plan_sequence(sequence)
    plans = plan_sequence(sequence, RunOptions(resume=True))
    assert [plan.done for plan in plans] == [True] * 3
    assert [plan.outdated for plan in plans] == [False] * 3
    with pytest.raises(InputError, match='step 1 is done'):
        plan_sequence(sequence, RunOptions(steps=[1, 2], overwrite=[2]))


def test_outdated_steps_are_told(shapes, trained) -> None:
    changed = {'step_schedule.1.lr': 0.5}
    plans = plan_sequence(tiny_sequence(shapes, trained, **changed), RunOptions(resume=True))
    assert [plan.outdated for plan in plans] == [False, True, False]


def test_overwritten_steps_are_planned_like_new_ones(shapes, trained) -> None:
    sequence = tiny_sequence(shapes, trained)
    kept = plan_sequence(sequence, RunOptions(resume=True))
    plans = plan_sequence(sequence, RunOptions(resume=True, overwrite=[1]))
    assert [plan.done for plan in plans] == [True, False, True]
    # with nothing changed every step has the fingerprint that it had
    assert [plan.fingerprint for plan in plans] == [plan.fingerprint for plan in kept]


def test_step_after_a_changed_and_overwritten_one_is_outdated(shapes, trained) -> None:
    changed = tiny_sequence(shapes, trained, **{'step_schedule.1.lr': 0.5})
    plans = plan_sequence(changed, RunOptions(resume=True, overwrite=[1]))
    assert [plan.outdated for plan in plans] == [False, False, True]


@pytest.mark.parametrize(
    ('steps', 'overwrite', 'surplus'), [([0], [1], r'\[1\]'), ([1, 2], [0, 2], r'\[0\]')]
)
def test_only_steps_that_run_can_be_overwritten(steps, overwrite, surplus, shapes, trained) -> None:
    options = RunOptions(steps=steps, resume=True, overwrite=overwrite)
    message = rf'steps {surplus} are to be overwritten, but not among the steps to run'
    with pytest.raises(InputError, match=message):
        plan_sequence(tiny_sequence(shapes, trained), options)


def test_the_tool_refuses_them_too_and_leaves_all(shapes, trained) -> None:
    before = {path: path.stat().st_mtime for path in trained.glob('*')}
    done = run_tool(
        'train', leaf(), '--work-dir', trained, '--steps', 0, '--overwrite-step', 1, '--resume',
        *cfg_options(shapes),
    )  # fmt: skip
    assert done.returncode == 1
    assert 'error: steps [1] are to be overwritten' in done.stderr
    assert {path: path.stat().st_mtime for path in trained.glob('*')} == before
