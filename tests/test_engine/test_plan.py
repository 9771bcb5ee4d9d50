import shutil

import pytest
import torch
from tiny import OPTIONS, leaf

from mmseg_incremental.apis import load_config, plan_sequence
from mmseg_incremental.datasets import DataError
from mmseg_incremental.engine.plan import check_backbone_weights
from mmseg_incremental.errors import InputError


def tiny_config(data_root, work_dir, **changes):
    return load_config(leaf(), {'data_root': str(data_root), **OPTIONS, **changes}, str(work_dir))


def test_plan_follows_the_config(shapes, tmp_path) -> None:
    first, second, third = plan_sequence(tiny_config(shapes, tmp_path / 'new'))
    assert first.new_classes == ('disc', 'square', 'triangle', 'star')
    assert (second.new_classes, third.new_classes) == (('ring',), ('cross',))
    assert (first.lr, second.lr, third.lr) == (3e-2, 1e-2, 1e-2)
    assert first.source == 'random weights'
    assert second.source == first.target == f'{tmp_path}/new/step_0.pth'
    assert not first.done
    assert third.num_test_images <= 9
    assert not (tmp_path / 'new').exists()


def test_linear_rule_scales_with_the_batch_over_all_processes(shapes, tmp_path) -> None:
    cfg = tiny_config(shapes, tmp_path, **{'auto_scale_lr.enable': True})
    base = cfg.auto_scale_lr.base_batch_size
    for processes in (1, 2):
        plans = plan_sequence(cfg, world_size=processes)
        assert plans[0].lr == pytest.approx(3e-2 * 4 * processes / base)
        assert plans[1].lr == pytest.approx(1e-2 * 4 * processes / base)


def test_epochs_become_iterations(shapes, tmp_path) -> None:
    length = {'step_schedule.first.iters': None, 'step_schedule.first.epochs': 3}
    plan = plan_sequence(tiny_config(shapes, tmp_path, **length), steps=[0], world_size=2)[0]
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
        plan_sequence(tiny_config(root, tmp_path / 'work'))
    assert len(caught.value.problems) == 2
    assert 'mask not found' in caught.value.problems[0]
    assert 'picture cannot be read' in caught.value.problems[1]


def test_step_without_pictures_is_found_before_training(shapes, tmp_path) -> None:
    classes = ['disc', 'square', 'triangle', 'star', 'ring', 'cross', 'spiral']
    cfg = load_config(leaf(), {'data_root': str(shapes), **OPTIONS}, str(tmp_path))
    cfg.task = dict(dataset='mine', classes=classes, groups=[['disc'], ['spiral']], name='x')
    with pytest.raises(DataError, match=r'step 1 \(spiral\) .* selects none of its 40 pictures'):
        plan_sequence(cfg)


def test_unknown_step_is_refused(shapes, tmp_path) -> None:
    with pytest.raises(InputError, match='has no step 3; its steps are 0 to 2'):
        plan_sequence(tiny_config(shapes, tmp_path), steps=[3])


def test_begun_step_needs_resume(shapes, tmp_path) -> None:
    (tmp_path / 'step_0').mkdir()
    torch.save({'state_dict': {}}, tmp_path / 'step_0' / 'iter_2.pth')
    with pytest.raises(InputError, match=r'step 0 is begun in .* --resume'):
        plan_sequence(tiny_config(shapes, tmp_path))
    plan = plan_sequence(tiny_config(shapes, tmp_path), resume=True)[0]
    assert plan.resume_from == str(tmp_path / 'step_0' / 'iter_2.pth')


def test_damaged_backbone_weights_are_told(tmp_path) -> None:
    assert check_backbone_weights(None) is None
    assert 'not found' in check_backbone_weights(str(tmp_path / 'none.pth'))
    (tmp_path / 'bad.pth').write_bytes(b'not a checkpoint')
    assert 'bad.pth' in check_backbone_weights(str(tmp_path / 'bad.pth'))
