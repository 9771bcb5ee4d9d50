"""From a sequence to the plain config of one step."""

import copy
import functools
import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import METRICS, MODELS
from tiny import ROOT, leaf
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmseg_incremental.errors import InputError
from mmseg_incremental.sequence import load_sequence
from mmseg_incremental.sequence.step_config import channel_groups, model_heads, step_config
from mmseg_incremental.tasks import build_task, get_task

CONFIGS = ROOT / 'configs'
LEAVES = sorted(CONFIGS.glob('*_*.py'))
MIB = CONFIGS / 'bisenet_r101_voc_15-5_mib.py'
ONE_BY_ONE = CONFIGS / 'bisenet_r101_voc_15-5s_mib.py'
SHAPES = Path(leaf())
METHODS = sorted(path.stem for path in CONFIGS.glob('_base_/methods/*.py'))
NETWORKS = sorted(path.stem for path in CONFIGS.glob('_base_/models/*.py'))
#: Channels that each step adds.
SIZES = {
    'voc_15-5': [16, 5],
    'voc_15-5s': [16, 1, 1, 1, 1, 1],
    'voc_offline': [21],
    'voc_animals': [5, 2],
    'voc_animals-s': [5, 1, 1],
    'voc_animals-offline': [7],
    'voc_animals-person': [6, 2],
    'voc_animals-person-s': [6, 1, 1],
    'voc_animals-person-offline': [8],
    'voc_19-1': [20, 1],
    'ade20k_100-50': [101, 50],
    'cityscapes_14-5': [14, 5],
    'shapes_4-1': [5, 1, 1],
    'shapes_offline': [7],
}
#: Every leaf, every task, every method and every model.
CASES = [
    *(pytest.param(path, {}, id=path.stem) for path in LEAVES),
    *(pytest.param(MIB, dict(model='bisenet_r18', task=task), id=task) for task in SIZES),
    *(pytest.param(SHAPES, dict(method=method), id=method) for method in METHODS),
    *(pytest.param(SHAPES, dict(model=model), id=model) for model in NETWORKS),
]
every_case = pytest.mark.parametrize(('path', 'options'), CASES)


@functools.cache
def _read(path, options):
    return load_sequence(path, dict(options))


def read(path=SHAPES, **options):
    """A sequence; those without odd options are read once, and nobody changes them."""
    if all(isinstance(value, str) for value in options.values()):
        return _read(path, tuple(options.items()))
    return load_sequence(path, options)


@pytest.fixture
def blank_convolutions(monkeypatch):
    """Leave convolutions as they are allocated: their random values take most of the time."""
    monkeypatch.setattr(nn.Conv2d, 'reset_parameters', lambda _: None)


# --- every leaf, method and model ---------------------------------------------------------------


@every_case
def test_every_step_is_built(path, options, blank_convolutions):
    sequence = read(path, **options)
    sizes = SIZES[sequence.choices['task']]
    assert sequence.num_steps == len(sizes)
    # a large network is the same at every step, and takes long to allocate
    small = sequence.choices['model'] in ('bisenet_r18', 'segformer_b0')
    for index in range(len(sizes)):
        model_cfg = sequence.step(index).config.model
        assert model_cfg.classes_per_step == sizes[: index + 1]
        if not small and index != len(sizes) - 1:
            continue
        model = MODELS.build(model_cfg)
        if sequence.choices['model'].startswith('bisenet_r'):
            depth = int(sequence.choices['model'].split('_r')[1])
            assert model.backbone.context_path.backbone.depth == depth
        expected = sum(sizes[: index + 1])
        heads = [model.decode_head, *_auxiliary(model)]
        assert len(list(model.classifiers())) == len(heads) == len(model_heads(model_cfg))
        for head in heads:
            assert head.conv_seg.state_dict()['weight'].shape[0] == expected
            losses = head.loss_decode
            for loss in losses if isinstance(losses, nn.ModuleList) else [losses]:
                num_old = getattr(loss, 'num_old', None)
                assert num_old in (None, sum(sizes[: index + 1][:-1]))
        terms = sequence.method.config.distillation
        assert len(model.distillation) == (len(terms) if index else 0)
        assert model.old_model is None


def _auxiliary(model):
    found = getattr(model, 'auxiliary_head', None)
    if found is None:
        return []
    return list(found) if isinstance(found, nn.ModuleList) else [found]


@pytest.mark.parametrize('backbone', ['r18', 'r50', 'r101'])
def test_every_backbone_runs(backbone):
    out = read(MIB, model=f'bisenet_{backbone}').step(1).config
    model = MODELS.build(out.model).eval()
    assert sum(isinstance(module, _BatchNorm) for module in model.modules()) > 20
    with torch.no_grad():
        features = model.extract_feat(torch.zeros(1, 3, 64, 64))
        shapes = [
            tuple(head(features).shape) for head in (model.decode_head, *model.auxiliary_head)
        ]
    # an eighth, and the two branches of the context path
    assert shapes == [(1, 21, 8, 8), (1, 21, 8, 8), (1, 21, 4, 4)]
    assert features[0].shape[1] == 32


# --- a pure function, whose result can be written down ------------------------------------------


@every_case
def test_config_of_the_sequence_is_not_changed(path, options):
    sequence = read(path, **options)
    before = copy.deepcopy(sequence.cfg._cfg_dict.to_dict())
    results = [step_config(sequence, step) for step in range(sequence.num_steps)]
    assert sequence.cfg._cfg_dict.to_dict() == before
    again = [sequence.step(step).config for step in range(sequence.num_steps)]
    assert [r._cfg_dict.to_dict() for r in again] == [r._cfg_dict.to_dict() for r in results]


def scribble(value):
    """Change a nested structure wherever that is possible."""
    for key, child in list(value.items()) if isinstance(value, dict) else list(enumerate(value)):
        if isinstance(child, (dict, list)):
            scribble(child)
        value[key] = 'scribbled'


@pytest.mark.parametrize('method', METHODS)
def test_changing_the_result_changes_nothing_else(method):
    sequence = load_sequence(ONE_BY_ONE, {'method': method})
    before = copy.deepcopy(sequence.cfg._cfg_dict.to_dict())
    out, twin = step_config(sequence, 3), step_config(sequence, 3)
    expected = copy.deepcopy(twin._cfg_dict.to_dict())
    scribble(out._cfg_dict)
    assert sequence.cfg._cfg_dict.to_dict() == before
    assert twin._cfg_dict.to_dict() == expected
    assert step_config(sequence, 3)._cfg_dict.to_dict() == expected


def test_heads_do_not_share_their_losses():
    heads = model_heads(step_config(read(MIB), 1).model)
    heads[0].loss_decode.loss_weight = 7.0
    assert heads[1].loss_decode == dict(type='UnbiasedCrossEntropy', num_old=16)


@pytest.mark.parametrize(
    ('path', 'method', 'step'),
    [(ONE_BY_ONE, 'mib', 5), (SHAPES, 'ilt', 1), (SHAPES, 'ft', 0)],
    ids=['15-5s', 'ilt', 'ft'],
)
def test_result_can_be_dumped_and_read(path, method, step, tmp_path):
    out = read(path, method=method).step(step).config
    out.dump(tmp_path / 'step.py')
    again = Config.fromfile(tmp_path / 'step.py')
    assert again._cfg_dict.to_dict() == out._cfg_dict.to_dict()


# --- what goes where ----------------------------------------------------------------------------


def test_entries_of_the_sequence_go_to_their_places():
    sequence = read(
        ONE_BY_ONE,
        work_dir='runs/x',
        data_root='/data/VOC',
        batch_size=6,
        crop_size=(96, 128),
        setting='disjoint',
        protocol='plop',
        taps=dict(stages=['backbone.ffm']),
    )
    cfg, out = sequence.cfg, sequence.step(2).config
    for loader, test_mode in ((out.train_dataloader, False), (out.test_dataloader, True)):
        dataset = loader.dataset
        assert dataset.type == 'IncrementalVOCDataset'
        assert dataset.task == dict(dataset='voc', name='15-5s')
        assert (dataset.step, dataset.setting, dataset.protocol) == (2, 'disjoint', 'plop')
        assert dataset.data_root == '/data/VOC'
        assert dataset.test_mode is test_mode
        assert 'cache_dir' not in dataset, "a class index is in the user's cache folder"
    assert out.train_dataloader.batch_size == 6
    assert out.test_dataloader.batch_size == 4
    crops = [t for t in out.train_dataloader.dataset.pipeline if t.type == 'RandomCrop']
    assert [crop.crop_size for crop in crops] == [(96, 128)]
    assert not any('crop_size' in t for t in out.test_dataloader.dataset.pipeline)
    assert out.model.data_preprocessor.size == (96, 128)
    assert out.model.distillation == cfg.method.distillation
    assert out.model.taps == dict(stages=['backbone.ffm'])
    loss = dict(cfg.method.loss, num_old=17)
    assert [head.loss_decode for head in model_heads(out.model)] == [loss] * 3
    assert out.work_dir == 'runs/x/step_2'
    assert out.experiment_name == 'step_2'
    assert (out.load_from, out.resume) == (None, False)
    old_model = copy.deepcopy(sequence.step(1).config.model)
    old_model.distillation = []
    old_model.pop('taps')
    found = copy.deepcopy(out.default_hooks.incremental_loop)
    found.old_model.pop('taps', None)
    assert found == dict(
        type='IncrementalLoop',
        step=2,
        sequence_dir='runs/x',
        sequence=sequence.description,
        classifier_init='background',
        plain=True,
        old_model=old_model,
        survey=None,
        after_step=[],
    )


def test_hook_of_the_loop_is_found_by_its_name_and_others_stay():
    sequence = read(MIB, custom_hooks=[dict(type='EMAHook')])
    for step in range(2):
        out = sequence.step(step).config
        assert out.custom_hooks == [dict(type='EMAHook')]
        assert out.default_hooks.incremental_loop.type == 'IncrementalLoop'
        others = {k: v for k, v in out.default_hooks.items() if k != 'incremental_loop'}
        assert others == sequence.cfg.default_hooks
    assert 'custom_hooks' not in read(MIB).step(0).config


@pytest.mark.parametrize(
    ('method', 'beside'), [('ft', False), ('lwf', True), ('mib', True), ('mib_dpce', True)]
)
def test_old_model_is_built_where_a_part_of_the_method_needs_it(method, beside):
    sequence = read(SHAPES, method=method)
    found = [sequence.step(i).config.default_hooks.incremental_loop.old_model for i in range(3)]
    assert [old is not None for old in found] == [False, beside, beside]
    for old, sizes in zip(found[1:], ([5], [5, 1]), strict=True):
        if beside:
            assert old.classes_per_step == sizes
            assert (old.distillation, old.targets, old.trainable) == ([], None, [])


def test_result_holds_only_what_a_runner_takes():
    out = read(MIB).step(0).config
    left = {
        'task', 'method', 'setting', 'protocol', 'data_root', 'backbone_weights', 'crop_size',
        'batch_size', 'step_schedule', 'train_pipeline', 'test_pipeline', 'fast_path', 'taps',
        'amp', 'compile_backbone',
    }  # fmt: skip
    assert left.isdisjoint(out)
    assert {'model', 'train_dataloader', 'train_cfg', 'optim_wrapper', 'test_evaluator'} <= set(out)
    assert 'val_cfg' not in out, 'no model is chosen on the pictures that it is evaluated on'


@pytest.mark.parametrize(
    ('path', 'rates', 'length'),
    [
        (ONE_BY_ONE, (2.5e-2, 2.5e-3), ({'epochs': 30}, {'epochs': 30})),
        (SHAPES, (3e-2, 1e-2), ({'iters': 400}, {'iters': 150})),
    ],
    ids=['paper', 'demo'],
)
def test_first_step_and_later_steps_have_their_schedules(path, rates, length):
    for step, part in ((0, 0), (1, 1), (2, 1)):
        out = read(path).step(step).config
        assert out.optim_wrapper.optimizer.lr == pytest.approx(rates[part])
        given = {key: value for key, value in out.train_cfg.items() if value is not None}
        assert given == dict(type='IncrementalTrainLoop', **length[part])
        assert out.model.trainable == []


def frozen(sequence):
    freeze = [dict(type='FreezeNorm')]
    return [sequence.step(step).config.model.trainable == freeze for step in range(2)]


def test_norm_is_frozen_at_the_steps_that_say_so():
    assert frozen(read(MIB)) == [False, False]
    assert frozen(read(MIB, **{'step_schedule.later.freeze_norm': True})) == [False, True]
    assert frozen(read(MIB, **{'step_schedule.first.freeze_norm': True})) == [True, False]
    assert frozen(read(MIB, **{'step_schedule.1.freeze_norm': True})) == [False, True]


def test_step_that_the_task_lacks_is_refused():
    for step in (-1, 2, 99):
        with pytest.raises(InputError, match=f"task '15-5' has no step {step}"):
            read(MIB).step(step)


# --- weights of the backbone --------------------------------------------------------------------


def test_backbone_weights_are_for_step_0_only():
    sequence = read(MIB)
    kaiming = sequence.cfg.model.backbone.backbone_cfg.init_cfg
    pretrained = dict(type='Pretrained', checkpoint='weights/resnet101_in1k.pth')
    for step, expected in ((0, pretrained), (1, kaiming)):
        assert sequence.step(step).config.model.backbone.backbone_cfg.init_cfg == expected
    out = read(MIB, backbone_weights=None).step(0).config
    assert out.model.backbone.backbone_cfg.init_cfg == kaiming


def test_backbone_weights_of_a_backbone_without_a_wrapper():
    sequence = read(SHAPES, backbone_weights='weights/resnet18_in1k.pth')
    sequence.cfg.model.backbone = dict(type='ResNet', depth=18)
    pretrained = dict(type='Pretrained', checkpoint='weights/resnet18_in1k.pth')
    assert sequence.step(0).config.model.backbone.init_cfg == pretrained


def test_backbone_weights_are_loaded_into_the_context_path(tmp_path):
    built = MODELS.build(read(SHAPES).step(0).config.model)
    weights = {
        name: torch.randn_like(value) if value.is_floating_point() else value
        for name, value in built.backbone.context_path.backbone.state_dict().items()
    }
    path = tmp_path / 'resnet18.pth'
    torch.save({'state_dict': weights}, path)
    model = MODELS.build(read(SHAPES, backbone_weights=str(path)).step(0).config.model)
    model.init_weights()
    loaded = model.backbone.context_path.backbone.state_dict()
    assert all(torch.equal(loaded[name], weights[name]) for name in weights)
    assert 0 < model.decode_head.conv_seg[0].weight.std() < 0.02, 'the rest is still random'


# --- evaluation ---------------------------------------------------------------------------------


def test_groups_by_hand():
    one_by_one = get_task('voc', '15-5s')
    old, seen = list(range(1, 16)), list(range(1, 18))
    assert channel_groups(one_by_one, 0, background=False) == {'1-15': old, 'all': old}
    assert channel_groups(one_by_one, 2, background=False) == {
        '1-15': old, '16-20': [16, 17], 'all': seen,
    }  # fmt: skip
    assert channel_groups(one_by_one, 2, background=True) == {
        '0-15': [0, *old], '16-20': [16, 17], 'all': [0, *seen],
    }  # fmt: skip


def test_groups_are_channels_and_not_labels():
    task = build_task(dict(dataset='voc', name='own', groups=[['tvmonitor', 'cat'], ['aeroplane']]))
    assert task.groups == ((20, 8), (1,))
    assert channel_groups(task, 1, background=False) == {'1-2': [1, 2], '3': [3], 'all': [1, 2, 3]}


def test_joint_reports_the_groups_of_its_rivals():
    joint = read(CONFIGS / 'bisenet_r101_voc_offline.py').step(0).config.test_evaluator
    rival = read(ONE_BY_ONE).step(5).config.test_evaluator
    assert joint.groups == rival.groups
    assert joint.background_groups == rival.background_groups


@pytest.mark.parametrize('task', SIZES)
def test_evaluator_fits_the_channels(task):
    sequence = read(MIB, task=task)
    for step in range(sequence.num_steps):
        evaluator = sequence.step(step).config.test_evaluator
        metric = METRICS.build(evaluator)
        names = sequence.task.channel_names(step)
        metric.dataset_meta = dict(classes=names)
        result = metric.evaluate(0)
        assert [key for key in result if key.startswith('IoU/')] == [f'IoU/{n}' for n in names]
        assert all(math.isnan(value) for value in result.values())
        background = int(sequence.task.background)
        assert evaluator.groups['all'] == list(range(background, len(names)))
        if background:
            assert evaluator.background_groups['all'] == list(range(len(names)))
        else:
            assert evaluator.background_groups == {}
