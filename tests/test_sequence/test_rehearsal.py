"""What would fail inside a training is found before it."""

import random

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmseg.registry import HOOKS, MODELS
from tiny import tiny_sequence

from mmseg_incremental.apis import load_sequence, plan_sequence, run_sequence
from mmseg_incremental.errors import InputError
from mmseg_incremental.sequence.rehearsal import rehearse_hooks, rehearse_step


def rehearse(shapes, work_dir, **changes):
    sequence = tiny_sequence(shapes, work_dir, **changes)
    for step in (0, sequence.num_steps - 1):
        rehearse_hooks(sequence.step(step))
        rehearse_step(sequence.step(step), 6)


@pytest.mark.parametrize('method', ['mib', 'plop', 'mib_dpce', 'dft', 'ewf_plop', 'ilt', 'mib_m'])
def test_what_is_sound_passes_and_leaves_no_trace(shapes, tmp_path, method, capsys):
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    rehearse(shapes, tmp_path / 'work', method=method)
    assert states[:2] == (random.getstate(), np.random.get_state()[1].tolist())
    assert torch.equal(states[2], torch.get_rng_state())
    assert capsys.readouterr() == ('', '')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'batch_size': 1}, 'a batch of 1 crops of 32x32 cannot be learnt .*more than 1 value'),
        ({'method.loss.class_weight': 'x'}, r'^step 2: a batch of .* cannot be learnt \(TypeError'),
        ({'model.decode_head.norm_cfg.type': 'Typo'}, r'^step 0: model cannot be built'),
        ({'model.decode_head.in_index': 99}, r'^model: its parts do not fit together \(IndexError'),
        ({'optim_wrapper.optimizer.type': 'Typo'}, r'^step 0: optim_wrapper cannot be built'),
        ({'optim_wrapper.type': 'Typo'}, r'^step 0: optim_wrapper cannot be built'),
        ({'param_scheduler.0.eta_min': None}, r'^step 0: param_scheduler\.0 cannot be built'),
        ({'param_scheduler.0.type': 'Typo'}, r'^step 0: param_scheduler\.0 cannot be built'),
        ({'param_scheduler.0.begin': 9}, r'^step 0: param_scheduler\.0 cannot be built'),
        ({'custom_hooks': [dict(type='Typo')]}, r'^step 0: custom_hooks\.0 cannot be built'),
        ({'default_hooks.timer.type': 'Typo'}, r'^step 0: default_hooks\.timer cannot be built'),
        ({'default_hooks.timer.priority': 'X'}, r'default_hooks\.timer cannot be built'),
        ({'default_hooks.logger.intervall': 3}, r'default_hooks\.logger cannot be built'),
        ({'log_processor.window': 3}, r'^step 0: log_processor cannot be built'),
        ({'visualizer.type': 'Typo'}, r'^step 0: visualizer cannot be built'),
        (
            {'model.backbone.backbone_cfg.init_cfg': [dict(type=True)]},
            r'^step 0: init_cfg of model\.backbone\..* cannot be built \(TypeError',
        ),
        (
            {
                'model.backbone.backbone_cfg.init_cfg': [
                    dict(type='Constant', layer='Conv2d', val=None)
                ]
            },
            r'^step 0: init_cfg of model\.backbone\..* cannot be built \(TypeError',
        ),
        ({'model.backbone.backbone_cfg.init_cfg': [3]}, r'^step 0: init_cfg of model\.backbone'),
        ({'model.test_cfg.mode': False}, r'^step 0: a picture of 32x32 cannot be predicted; see'),
        ({'model.test_cfg.mode': 'slide'}, r'^step 0: a picture .* \(AttributeError'),
        (
            {'model.test_cfg': dict(mode='slide', crop_size=(16, 16), stride=(0, 8))},
            r'^step 0: a picture of 32x32 cannot be predicted; see model.test_cfg \(ZeroDivision',
        ),
    ],
    ids=str,
)
def test_what_would_fail_is_told(shapes, tmp_path, changes, message):
    with pytest.raises(InputError, match=message) as caught:
        rehearse(shapes, tmp_path, **changes)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'model.decode_head.norm_cfg': 3}, r'cannot learn step by step: it cannot be built'),
        ({'model.decode_head.type': 3}, 'a head of type 3 cannot learn step by step: mmseg knows'),
        ({'train_dataloader.sampler.type': 'Typo'}, r'^train_dataloader cannot be built'),
        *(
            ({f'{name}_dataloader.dataset.{key}': value}, f'^{name}_dataloader.dataset cannot be')
            for name in ('train', 'test')
            for key, value in {
                'data_prefix': 'x',
                'data_prefix.img_path': 3,
                'data_prefix.seg_map_path': [1],
                'ann_file': None,
            }.items()
        ),
        ({'train_dataloader.num_worker': 3}, r'^train_dataloader cannot be built'),
        ({'test_dataloader.prefetch_factor': 3}, r'^test_dataloader cannot be built'),
        (
            {'train_dataloader.dataset.pipeline.0.color_type': 'colour'},
            r'^train_dataloader: its pipeline, tried on .*\.jpg, cannot be built',
        ),
    ],
    ids=str,
)
def test_heads_loader_and_pipeline_are_tried_in_the_plan(shapes, tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        plan_sequence(tiny_sequence(shapes, tmp_path, **changes))


def test_run_is_refused_before_anything_is_made(shapes, tmp_path):
    with pytest.raises(InputError, match='a batch of 1 crops'):
        run_sequence(tiny_sequence(shapes, tmp_path / 'work', batch_size=1))
    assert not (tmp_path / 'work').exists()


def test_network_that_reads_values_is_not_tried(shapes, tmp_path):
    class Reads(MODELS.get('FCNHead')):
        def forward(self, inputs):
            out = super().forward(inputs)
            return out * float(out.mean() > 0)

    MODELS.register_module(name='Reads', module=Reads)
    try:
        rehearse(shapes, tmp_path, **{'model.decode_head.type': 'Reads'})
    finally:
        MODELS.module_dict.pop('Reads')


def test_a_users_own_hook_is_built(shapes, tmp_path):
    class Mine(Hook):
        def __init__(self, where):
            if where != 'here':
                raise ValueError('not there')

    HOOKS.register_module(name='Mine', module=Mine)
    try:
        rehearse(shapes, tmp_path, custom_hooks=[dict(type='Mine', where='here', priority=3)])
        with pytest.raises(InputError, match=r'custom_hooks\.0 .*ValueError: not there'):
            rehearse(shapes, tmp_path, custom_hooks=[dict(type='Mine', where='x')])
    finally:
        HOOKS.module_dict.pop('Mine')


# --- the schema ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'auto_scale_lr.enabled': True}, r"auto_scale_lr has unknown keys \['enabled'\]; known"),
        ({'auto_scale_lr': dict(_delete_=True, enable=True)}, 'auto_scale_lr needs base_batch'),
        ({'auto_scale_lr.base_batch_size': 0}, r'base_batch_size must be a positive .*got 0'),
        ({'randomness.sed': 3}, r"randomness has unknown keys \['sed'\]"),
        ({'randomness.seed': -1}, r'randomness\.seed must be a whole number from 0 on, or None'),
        ({'randomness.seed': 'x'}, r"randomness\.seed must be .*got 'x'"),
        ({'method.loss.loss_weight': -1.0}, r'method\.loss\.0\.loss_weight must be a number that'),
        ({'method.distillation.0.loss_weight': 'x'}, r'method\.distillation\.0\.loss_weight must'),
        ({'method.distillation.0.loss_weight': float('nan')}, r'loss_weight must be .* got nan'),
        ({'step_schedule.later.freeze_norm': 3}, r'freeze_norm must be True or False, got 3'),
        ({'step_schedule.later.iters': 0}, 'iters must be a positive whole number, got 0'),
        ({'data_root': 'a\0b'}, 'data_root must be a path without NUL'),
        ({'data_root': 3}, 'data_root must be a path'),
        ({'work_dir': 'x' * 300}, None),
        ({'backbone_weights': 3}, r'backbone_weights must be .*, or None, got 3'),
        ({'crop_size': (1, 1)}, r'crop_size must be \(height, width\) in pixels, 2 or more'),
        ({'crop_size': (32,)}, r'crop_size must be'),
        ({'crop_size': 'x'}, r'crop_size must be'),
        (
            {'batch_size': 2**31},
            r'batch_size must be a positive whole number up to',
        ),
        ({'train_dataloader.num_workers': 10**6}, r'num_workers must be a whole .* to 1024'),
        ({'batch_size': True}, r'batch_size must be a positive .*, got True'),
        ({'train_dataloader.num_workers': -1}, r'train_dataloader\.num_workers must be a whole'),
        ({'train_dataloader.num_workers': '2'}, r"num_workers must be .*, got '2'"),
        ({'optim_wrapper.optimizer.momentum': 'x'}, r'optimizer\.momentum must be a number'),
        ({'optim_wrapper.optimizer.momentum': 2**70}, r'optimizer\.momentum must be a number'),
        ({'model.data_preprocessor.seg_pad_val': [-1]}, r'seg_pad_val must be a number'),
        ({'optim_wrapper': 3}, r'optim_wrapper must be a dict, got 3'),
        ({'param_scheduler': 'poly'}, r"param_scheduler must be a list of dicts, got 'poly'"),
        ({'default_hooks': 3}, r'default_hooks must be a dict, got 3'),
        ({'default_hooks.mine': 3}, r'default_hooks\.mine must be a dict.*got 3'),
        ({'default_hooks.checkpoint.max_keep_ckpts': None}, r'max_keep_ckpts must be a whole'),
        ({'default_hooks.checkpoint.interval': None}, r'checkpoint\.interval must be a whole'),
        ({'visualizer.vis_backends': True}, r'visualizer\.vis_backends must be a list of dicts'),
        ({'protocol.preset': []}, r'unknown protocol \[\]'),
        ({'model.decode_head.type': ''}, r'model\.decode_head\.type must be the name of a part'),
        ({'model.auxiliary_head.1.type': '../x'}, r'auxiliary_head\.1\.type must be the name'),
        (
            {'test_pipeline': None},
            r'test_dataloader\.dataset: its pipeline must be a list of trans',
        ),
        (
            {'train_dataloader.dataset.pipeline': []},
            r'train_dataloader\.dataset: its pipeline must',
        ),
        ({'test_dataloader.dataset.pipeline': 'x'}, r"pipeline must be a list .*got 'x'"),
        ({'test_dataloader.dataset.datasets': 3}, r'test_dataloader\.dataset cannot be used'),
        ({'train_dataloader.sampler': False}, r'sampler must be a dict, or None, got False'),
        ({'custom_hooks': 'EMAHook'}, r'custom_hooks must be a list of dicts'),
        ({'env_cfg.mp_cfg.mp_start_method': 'x'}, r"mp_start_method must be 'fork', 'spawn'"),
        ({'log_level': 'LOUD'}, r"log_level must be 'DEBUG', 'INFO'"),
        ({'model': 3}, r'model must be a dict, got 3'),
        ({'model.decode_head': 3}, r"model lacks \['decode_head'\]"),
        ({'setting': ['overlapped']}, r'unknown setting'),
        ({'dev': 1.5}, r'dev must be a share between 0 and 1, or None, got 1\.5'),
    ],
    ids=str,
)
def test_entries_are_compared_with_the_schema(shapes, tmp_path, changes, message):
    if message is None:  # the work dir of the command goes before that of the config
        tiny_sequence(shapes, tmp_path, **changes)
        return
    with pytest.raises(InputError, match=message) as caught:
        tiny_sequence(shapes, tmp_path, **changes)
    assert '\n' not in str(caught.value)


def test_every_leaf_is_what_the_schema_says():
    from tiny import ROOT

    for path in sorted((ROOT / 'configs').glob('*_*.py')):
        load_sequence(path)
