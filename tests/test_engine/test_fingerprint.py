"""What a step's fingerprint depends on, and what not."""

import shutil

import pytest
from tiny import ROOT

from mmseg_incremental.engine import load_config, step_fingerprint

PICTURES = ['a.jpg', 'b.jpg']


def fingerprint(name='15-5_mib', step=0, pictures=PICTURES, before=None, **options):
    path = ROOT / 'configs' / f'bisenet_r18_voc_{name}.py'
    options = {key.replace('__', '.'): value for key, value in options.items()}
    return step_fingerprint(load_config(path, options), step, pictures, before)


@pytest.mark.parametrize(
    'same',
    [
        dict(name='15-5_ft'),
        dict(name='15-5_lwf'),
        dict(name='15-5_ilt'),
        dict(name='15-5_fuce'),
        dict(name='15-5_mib_dpce'),
        dict(name='15-5s_mib'),
        dict(data_root='elsewhere'),
        dict(work_dir='elsewhere'),
        dict(train_dataloader__num_workers=7),
        dict(step_schedule__later__lr=0.5),
        dict(step_schedule__first__num_evaluations=3),
        dict(default_hooks__checkpoint__interval=7),
        dict(default_hooks__runtime_info=dict(type='RuntimeInfoHook')),
        dict(compile_backbone=True),
        dict(fast_path=False),
        dict(protocol__future='background'),
    ],
    ids=str,
)
def test_step_0_does_not_depend_on(same):
    assert fingerprint(**same) == fingerprint()


@pytest.mark.parametrize(
    'other',
    [
        dict(task__name='19-1'),
        dict(step_schedule__first__lr=0.5),
        dict(step_schedule__first__epochs=31),
        dict(batch_size=63),
        dict(crop_size=(384, 392)),
        dict(randomness__seed=1),
        dict(optim_wrapper__optimizer__momentum=0.8),
        dict(protocol__void='ignore'),
        dict(backbone_weights=None),
        dict(pictures=['a.jpg']),
        dict(pictures=['b.jpg', 'a.jpg']),
        dict(method__first_loss=dict(type='DistancePenalizedCrossEntropy')),
        dict(custom_hooks=[dict(type='EMAHook')]),
    ],
    ids=str,
)
def test_step_0_depends_on(other):
    assert fingerprint(**other) != fingerprint()


@pytest.mark.parametrize(
    'other',
    [
        dict(name='15-5_ft'),
        dict(name='15-5s_mib'),
        dict(before='another'),
        dict(method__classifier_init='random'),
        dict(step_schedule__later__lr=0.5),
    ],
    ids=str,
)
def test_later_steps_depend_on(other):
    assert fingerprint(**{'step': 1, 'before': 'one', **other}) != fingerprint(step=1, before='one')


def test_weights_count_by_content_not_by_path(tmp_path):
    first, second, third = (tmp_path / f'{name}.pth' for name in 'abc')
    first.write_bytes(b'some weights')
    shutil.copy(first, second)
    third.write_bytes(b'other weights')
    prints = [fingerprint(backbone_weights=str(path)) for path in (first, second, third)]
    assert prints[0] == prints[1] != prints[2]
