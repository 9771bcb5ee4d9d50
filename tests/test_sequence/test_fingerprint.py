"""What a step's fingerprint depends on, and what not."""

import shutil

import pytest
from tiny import ROOT

from mmseg_incremental.sequence import load_sequence, step_fingerprint

CONFIGS = ROOT / 'configs'
LEAF = CONFIGS / 'bisenet_r101_voc_15-5_mib.py'
PICTURES = ['a.jpg', 'b.jpg']
#: Methods whose first step is another one than that of MiB.
OTHER_FIRST_STEP = {'dft', 'dkd', 'dkd_m', 'ewc', 'pi', 'rcil', 'rw', 'ssul', 'ssul_m'}


def fingerprint(step=0, pictures=PICTURES, before=None, world_size=1, **options):
    options = {key.replace('__', '.'): value for key, value in options.items()}
    sequence = load_sequence(LEAF, {'model': 'bisenet_r18', 'backbone_weights': None, **options})
    return step_fingerprint(sequence.step(step), pictures, before, world_size)


def methods():
    return sorted(path.stem for path in (CONFIGS / '_base_' / 'methods').glob('*.py'))


@pytest.mark.parametrize('method', methods())
def test_methods_of_one_task_share_their_step_0(method):
    same = fingerprint(method=method) == fingerprint(method='mib')
    assert same == (method not in OTHER_FIRST_STEP)


@pytest.mark.parametrize(
    'same',
    [
        dict(task='voc_15-5s'),
        dict(data_root='elsewhere'),
        dict(work_dir='elsewhere'),
        dict(protocol__future='background'),
        dict(protocol__test_images='all'),
        # the step's schedule only
        dict(step_schedule__later__lr=0.5),
        dict(step_schedule__1__lr=0.5),
        # how fast the data come
        dict(train_dataloader__num_workers=7),
        dict(train_dataloader__num_workers=0),
        dict(train_dataloader__persistent_workers=False),
        dict(train_dataloader__pin_memory=True),
        dict(train_dataloader__prefetch_factor=4),
        # how fast it is computed, up to rounding
        dict(compile_backbone=True),
        dict(fast_path=False),
        dict(env_cfg__cudnn_benchmark=False),
        # what only looks on
        dict(step_schedule__first__num_evaluations=3),
        dict(test_dataloader__batch_size=1),
        dict(default_hooks__checkpoint__interval=7),
        dict(default_hooks__checkpoint__max_keep_ckpts=1),
        dict(default_hooks__logger__interval=7),
        dict(default_hooks__timer__type='IterTimerHook'),
        dict(default_hooks__runtime_info=dict(type='RuntimeInfoHook')),
        dict(default_hooks__visualization=dict(type='SegVisualizationHook')),
        dict(log_level='ERROR'),
        dict(log_processor__by_epoch=True),
        dict(visualizer__name='x'),
        dict(vis_backends=[dict(type='TensorboardVisBackend')]),
    ],
    ids=str,
)
def test_step_0_does_not_depend_on(same):
    assert fingerprint(**same) == fingerprint()


@pytest.mark.parametrize(
    'other',
    [
        dict(task='voc_19-1'),
        dict(task='voc_15-5', task__class_order=[*range(20, 0, -1)]),
        dict(step_schedule__first__lr=0.5),
        dict(step_schedule__0__lr=0.5),
        dict(step_schedule__first__epochs=31),
        dict(step_schedule__0__iters=31),
        dict(step_schedule__first__freeze_norm=True),
        dict(batch_size=63),
        dict(crop_size=(384, 392)),
        dict(randomness__seed=1),
        dict(optim_wrapper__optimizer__momentum=0.8),
        dict(optim_wrapper__type='AmpOptimWrapper'),
        dict(optim_wrapper__clip_grad=dict(max_norm=1.0)),
        dict(param_scheduler=[]),
        dict(auto_scale_lr__enable=True),
        dict(protocol__void='ignore'),
        dict(setting='sequential'),
        dict(dataset='voc_augmented'),
        dict(train_dataloader__sampler__shuffle=False),
        dict(train_dataloader__drop_last=True),
        dict(model='bisenet_r50'),
        dict(model__decode_head__dropout_ratio=0.1),
        dict(model__data_preprocessor__bgr_to_rgb=False),
        dict(pictures=['a.jpg']),
        dict(pictures=['b.jpg', 'a.jpg']),
        dict(world_size=2),
        dict(method__first_loss=dict(type='DistancePenalizedCrossEntropy')),
        dict(custom_hooks=[dict(type='EMAHook')]),
        dict(default_hooks__ema=dict(type='EMAHook')),
        dict(default_hooks__param_scheduler=None),
        dict(default_hooks__sampler_seed=None),
        dict(sync_bn=None),
        dict(find_unused_parameters=True),
        dict(model_wrapper_cfg=dict(type='MMDistributedDataParallel', broadcast_buffers=True)),
    ],
    ids=str,
)
def test_step_0_depends_on(other):
    assert fingerprint(**other) != fingerprint()


@pytest.mark.parametrize(
    'entry',
    [
        'never_heard_of = 1',
        'compile = True',
        "cfg_nobody_knows = dict(a=[dict(type='B')])",
        'optim_wrapper = dict(unknown=2)',
        'model = dict(unknown=2)',
        'train_dataloader = dict(dataset=dict(unknown=2))',
        "default_hooks = dict(mine=dict(type='MyHook'))",
        "custom_hooks = [dict(type='MyHook', x=1)]",
        'randomness = dict(deterministic=True)',
    ],
)
@pytest.mark.parametrize('step', [0, 1])
def test_any_key_that_nobody_thought_of_counts(step, entry, tmp_path):
    path = tmp_path / LEAF.name
    prints = []
    for text in ('', entry):
        path.write_text(f'_base_ = {str(LEAF)!r}\nbackbone_weights = None\n{text}\n')
        prints.append(step_fingerprint(load_sequence(path).step(step), PICTURES, 'one'))
    assert prints[0] != prints[1]


@pytest.mark.parametrize(
    'other',
    [
        dict(method='ft'),
        dict(task='voc_15-5s'),
        dict(before='another'),
        dict(method__classifier_init='random'),
        dict(method__distillation=[]),
        dict(step_schedule__later__lr=0.5),
        dict(step_schedule__1__lr=0.5),
        dict(setting='disjoint'),
        dict(sync_bn=None),
    ],
    ids=str,
)
def test_later_steps_depend_on(other):
    assert fingerprint(**{'step': 1, 'before': 'one', **other}) != fingerprint(step=1, before='one')


@pytest.mark.parametrize(
    'same', [dict(step_schedule__first__lr=0.5), dict(work_dir='elsewhere')], ids=str
)
def test_later_steps_know_the_first_by_its_fingerprint_only(same):
    assert fingerprint(1, before='one', **same) == fingerprint(1, before='one')


def test_asking_leaves_the_step_alone():
    step = load_sequence(LEAF).step(1)
    before = step.config.pretty_text
    assert step_fingerprint(step, PICTURES, 'one') == step_fingerprint(step, PICTURES, 'one')
    assert step.config.pretty_text == before


def test_weights_count_by_content_not_by_path(tmp_path):
    first, second, third = (tmp_path / f'{name}.pth' for name in 'abc')
    first.write_bytes(b'some weights')
    shutil.copy(first, second)
    third.write_bytes(b'other weights')
    prints = [fingerprint(backbone_weights=str(path)) for path in (first, second, third)]
    assert prints[0] == prints[1] != prints[2]
    assert fingerprint() not in prints
