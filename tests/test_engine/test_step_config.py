import copy
import functools
import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import METRICS, MODELS
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmseg_incremental.engine import describe_sequence, load_config, step_config
from mmseg_incremental.engine.step_config import channel_groups, model_heads
from mmseg_incremental.errors import InputError
from mmseg_incremental.tasks import build_task, get_task

CONFIGS = Path(__file__).parents[2] / 'configs'
LEAVES = sorted(CONFIGS.glob('*.py'))
MIB = CONFIGS / 'bisenet_r18_voc_15-5_mib.py'
ONE_BY_ONE = CONFIGS / 'bisenet_r101_voc_15-5s_mib.py'
ILT = CONFIGS / 'bisenet_r18_shapes_4-1_ilt.py'

every_leaf = pytest.mark.parametrize('leaf', LEAVES, ids=lambda path: path.stem)


@functools.cache
def _read(leaf):
    return load_config(leaf)


def read(leaf, **changes):
    """A config of one's own, with top-level entries replaced or filled."""
    cfg = copy.deepcopy(_read(leaf))
    cfg.merge_from_dict(changes)
    return cfg


@pytest.fixture
def blank_convolutions(monkeypatch):
    """Leave convolutions as they are allocated: their random values take most of the time."""
    monkeypatch.setattr(nn.Conv2d, 'reset_parameters', lambda _: None)


# --- every leaf ---------------------------------------------------------------------------------


def sizes(leaf):
    """Channels per step, from the name of the leaf."""
    task = '_'.join(leaf.stem.split('_')[2:4])
    return {
        'voc_15-5': [16, 5],
        'voc_15-5s': [16, 1, 1, 1, 1, 1],
        'voc_offline': [21],
        'voc_animals': [5, 2],
        'voc_animals-s': [5, 1, 1],
        'voc_animals-offline': [7],
        'shapes_4-1': [5, 1, 1],
        'shapes_offline': [7],
    }[task]


@every_leaf
def test_every_step_of_every_leaf_is_built(leaf, blank_convolutions):
    cfg = read(leaf)
    steps = len(sizes(leaf))
    assert build_task(cfg.task).num_steps == steps
    for step in range(steps):
        out = step_config(cfg, step)
        heads = model_heads(out.model)
        assert [head.classes_per_step for head in heads] == [sizes(leaf)[: step + 1]] * 3
        # the backbone is the same at every step, and the large ones take long to allocate
        if '_r18_' not in leaf.name and step != steps - 1:
            continue
        model = MODELS.build(out.model)
        depth = int(leaf.stem.split('_')[1][1:])
        assert model.backbone.context_path.backbone.depth == depth
        expected = sum(sizes(leaf)[: step + 1])
        for head in (model.decode_head, *model.auxiliary_head):
            assert head.conv_seg.state_dict()['weight'].shape == (expected, 32, 1, 1)
            assert getattr(head.loss_decode, 'num_old', None) in (
                None,
                sum(sizes(leaf)[: step + 1][:-1]),
            )
        assert len(model.distillation) == (len(cfg.method.distillation) if step else 0)
        assert model.old_model is None


@pytest.mark.parametrize('backbone', ['r18', 'r50', 'r101'])
def test_every_backbone_runs(backbone):
    out = step_config(read(CONFIGS / f'bisenet_{backbone}_voc_15-5_mib.py'), 1)
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


@every_leaf
def test_config_of_the_sequence_is_not_changed(leaf):
    cfg = read(leaf)
    before = copy.deepcopy(cfg._cfg_dict.to_dict())
    results = [step_config(cfg, step) for step in range(len(sizes(leaf)))]
    assert cfg._cfg_dict.to_dict() == before
    again = [step_config(cfg, step) for step in range(len(sizes(leaf)))]
    assert [r._cfg_dict.to_dict() for r in again] == [r._cfg_dict.to_dict() for r in results]


def scribble(value):
    """Change a nested structure wherever that is possible."""
    for key, child in list(value.items()) if isinstance(value, dict) else list(enumerate(value)):
        if isinstance(child, (dict, list)):
            scribble(child)
        value[key] = 'scribbled'


def test_changing_the_result_changes_nothing_else():
    cfg = read(ONE_BY_ONE)
    before = copy.deepcopy(cfg._cfg_dict.to_dict())
    out, twin = step_config(cfg, 3), step_config(cfg, 3)
    expected = copy.deepcopy(twin._cfg_dict.to_dict())
    scribble(out._cfg_dict)
    assert cfg._cfg_dict.to_dict() == before
    assert twin._cfg_dict.to_dict() == expected


def test_heads_do_not_share_their_losses():
    heads = model_heads(step_config(read(MIB), 1).model)
    heads[0].loss_decode.loss_weight = 7.0
    heads[0].classes_per_step.append(3)
    assert 'loss_weight' not in heads[1].loss_decode
    assert heads[1].classes_per_step == [16, 5]


@pytest.mark.parametrize(
    ('leaf', 'step'),
    [(ONE_BY_ONE, 5), (ILT, 1), (CONFIGS / 'bisenet_r18_voc_animals_ft.py', 0)],
    ids=lambda value: getattr(value, 'stem', None),
)
def test_result_can_be_dumped_and_read(leaf, step, tmp_path):
    out = step_config(read(leaf), step)
    out.dump(tmp_path / 'step.py')
    again = Config.fromfile(tmp_path / 'step.py')
    assert again._cfg_dict.to_dict() == out._cfg_dict.to_dict()


# --- what goes where ----------------------------------------------------------------------------


def test_entries_of_the_sequence_go_to_their_places():
    cfg = read(
        ONE_BY_ONE,
        work_dir='runs/x',
        data_root='/data/VOC',
        batch_size=6,
        crop_size=(96, 128),
        setting='disjoint',
        protocol='plop',
    )
    out = step_config(cfg, 2)
    for loader in (out.train_dataloader, out.test_dataloader):
        dataset = loader.dataset
        assert dataset.type == 'IncrementalVOCDataset'
        assert dataset.task == dict(dataset='voc', name='15-5s')
        assert (dataset.step, dataset.setting, dataset.protocol) == (2, 'disjoint', 'plop')
        assert dataset.data_root == '/data/VOC'
    caches = {loader.dataset.cache_dir for loader in (out.train_dataloader, out.test_dataloader)}
    assert caches == {'runs/x'}, 'one index of classes for all steps'
    assert out.train_dataloader.batch_size == 6
    assert out.test_dataloader.batch_size == 4
    crops = [t for t in out.train_dataloader.dataset.pipeline if t.type == 'RandomCrop']
    assert [crop.crop_size for crop in crops] == [(96, 128)]
    assert not any('crop_size' in t for t in out.test_dataloader.dataset.pipeline)
    assert out.model.data_preprocessor.size == (96, 128)
    assert out.model.distillation == cfg.method.distillation
    assert [h.loss_decode for h in model_heads(out.model)] == [cfg.method.loss] * 3
    assert out.work_dir == 'runs/x/step_2'
    assert out.experiment_name == 'step_2'
    assert (out.load_from, out.resume) == (None, False)
    assert out.custom_hooks == [
        dict(
            type='IncrementalLoop',
            step=2,
            sequence_dir='runs/x',
            sequence=describe_sequence(cfg),
            classifier_init='background',
        )
    ]


def test_result_holds_only_what_a_runner_takes():
    out = step_config(read(MIB), 0)
    left = {
        'task', 'method', 'setting', 'protocol', 'data_root', 'backbone_weights', 'crop_size',
        'batch_size', 'step_schedule',
    }  # fmt: skip
    assert left.isdisjoint(out)
    assert {'model', 'train_dataloader', 'train_cfg', 'optim_wrapper', 'test_evaluator'} <= set(out)
    assert 'val_cfg' not in out, 'no model is chosen on the pictures that it is evaluated on'


@pytest.mark.parametrize(
    ('leaf', 'rates', 'length'),
    [
        (ONE_BY_ONE, (2.5e-2, 2.5e-3), ({'epochs': 30}, {'epochs': 30})),
        (ILT, (3e-2, 1e-2), ({'iters': 400}, {'iters': 150})),
    ],
    ids=['paper', 'demo'],
)
def test_first_step_and_later_steps_have_their_schedules(leaf, rates, length):
    for step, part in ((0, 0), (1, 1), (2, 1)):
        out = step_config(read(leaf), step)
        assert out.optim_wrapper.optimizer.lr == pytest.approx(rates[part])
        given = {key: value for key, value in out.train_cfg.items() if value is not None}
        assert given == dict(type='IncrementalTrainLoop', **length[part])
        assert out.model.freeze_norm is False


def test_norm_is_frozen_at_the_steps_that_say_so():
    cfg = read(MIB, **{'step_schedule.later.freeze_norm': True})
    assert [step_config(cfg, step).model.freeze_norm for step in range(2)] == [False, True]
    cfg = read(MIB, **{'step_schedule.first.freeze_norm': True})
    assert [step_config(cfg, step).model.freeze_norm for step in range(2)] == [True, False]


def test_own_hooks_stay_before_that_of_the_loop():
    cfg = read(MIB, custom_hooks=[dict(type='EMAHook')])
    assert [h.type for h in step_config(cfg, 0).custom_hooks] == ['EMAHook', 'IncrementalLoop']
    assert len(cfg.custom_hooks) == 1


def test_step_that_the_task_lacks_is_refused():
    for step in (-1, 2, 99):
        with pytest.raises(InputError, match=f"task '15-5' has no step {step}"):
            step_config(read(MIB), step)


# --- weights of the backbone --------------------------------------------------------------------


def test_backbone_weights_are_for_step_0_only():
    kaiming = read(MIB).model.backbone.backbone_cfg.init_cfg
    pretrained = dict(type='Pretrained', checkpoint='weights/resnet18_in1k.pth')
    for step, expected in ((0, pretrained), (1, kaiming)):
        assert step_config(read(MIB), step).model.backbone.backbone_cfg.init_cfg == expected
    out = step_config(read(MIB, backbone_weights=None), 0)
    assert out.model.backbone.backbone_cfg.init_cfg == kaiming


def test_backbone_weights_of_a_backbone_without_a_wrapper():
    cfg = read(MIB)
    cfg.model.backbone = dict(type='ResNet', depth=18)
    pretrained = dict(type='Pretrained', checkpoint='weights/resnet18_in1k.pth')
    assert step_config(cfg, 0).model.backbone.init_cfg == pretrained


def test_backbone_weights_are_loaded_into_the_context_path(tmp_path):
    built = MODELS.build(step_config(read(MIB, backbone_weights=None), 0).model)
    weights = {
        name: torch.randn_like(value) if value.is_floating_point() else value
        for name, value in built.backbone.context_path.backbone.state_dict().items()
    }
    torch.save({'state_dict': weights}, tmp_path / 'resnet18.pth')
    out = step_config(read(MIB, backbone_weights=str(tmp_path / 'resnet18.pth')), 0)
    model = MODELS.build(out.model)
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
    joint = step_config(read(CONFIGS / 'bisenet_r101_voc_offline.py'), 0).test_evaluator
    rival = step_config(read(ONE_BY_ONE), 5).test_evaluator
    assert joint.groups == rival.groups
    assert joint.background_groups == rival.background_groups


@every_leaf
def test_evaluator_fits_the_channels(leaf):
    task = build_task(read(leaf).task)
    for step in range(task.num_steps):
        evaluator = step_config(read(leaf), step).test_evaluator
        metric = METRICS.build(evaluator)
        names = task.channel_names(step)
        metric.dataset_meta = dict(classes=names)
        result = metric.evaluate(0)
        assert [key for key in result if key.startswith('IoU/')] == [f'IoU/{n}' for n in names]
        assert all(math.isnan(value) for value in result.values())
        assert evaluator.groups['all'] == list(range(1, len(names)))
        assert evaluator.background_groups['all'] == list(range(len(names)))
