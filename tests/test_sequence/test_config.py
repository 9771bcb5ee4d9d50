"""From a leaf and options to a sequence: every leaf, every option, every mistake."""

import argparse
import ast
import copy
import dataclasses
import functools
import json
import re
from pathlib import Path

import pytest
from mmengine.config import Config, DictAction
from tiny import ROOT, leaf

from mmseg_incremental.datasets import get_protocol
from mmseg_incremental.errors import InputError
from mmseg_incremental.sequence import load_sequence
from mmseg_incremental.sequence.schedule import StepSchedule
from mmseg_incremental.tasks import build_task

CONFIGS = ROOT / 'configs'
LEAVES = sorted(CONFIGS.glob('*_*.py'))
BASES = CONFIGS / '_base_'
MIB = CONFIGS / 'bisenet_r101_voc_15-5_mib.py'
ANIMALS = CONFIGS / 'bisenet_r18_voc_animals_mib.py'
SHAPES = Path(leaf())
METHODS = ('ft', 'lwf', 'ilt', 'mib', 'fuce', 'mib_dpce')
BACKBONES = ('r18', 'r50', 'r101')

read = functools.cache(load_sequence)
_fromfile = functools.cache(Config.fromfile)
every_leaf = pytest.mark.parametrize('leaf', LEAVES, ids=lambda path: path.stem)


@pytest.fixture
def read_once(monkeypatch):
    """Read every file only once."""
    monkeypatch.setattr(Config, 'fromfile', lambda path: copy.deepcopy(_fromfile(path)))


# --- the leaves ---------------------------------------------------------------------------------


def test_leaves_are_those_that_a_number_stands_for():
    assert 8 <= len(LEAVES) < 24
    for name in ('bisenet_r101_voc_15-5s_mib', 'bisenet_r18_shapes_4-1_ft', SHAPES.stem, MIB.stem):
        assert CONFIGS / f'{name}.py' in LEAVES


@every_leaf
def test_leaf_is_its_bases_and_at_most_five_lines(leaf):
    text = leaf.read_text()
    bases, *own = ast.parse(text).body
    assert bases.targets[0].id == '_base_'
    for base in ast.literal_eval(bases.value):
        assert (leaf.parent / base).is_file()
        assert base.startswith('./_base_/')
    lines = [line for line in text.splitlines()[bases.end_lineno :] if line.strip()]
    assert len(lines) <= 5
    assert all(isinstance(statement, ast.Assign) for statement in own)


@every_leaf
def test_leaf_holds_what_its_name_says(leaf):
    sequence = read(leaf)
    family, backbone, dataset, task, *method = leaf.stem.split('_')
    offline = task.endswith('offline')
    method = 'joint' if offline else '_'.join(method)
    chosen = {k: sequence.choices[k] for k in ('model', 'task', 'method')}
    expected = dict(model=f'{family}_{backbone}', task=f'{dataset}_{task}', method=method)
    assert chosen == expected
    assert sequence.choices.keys() == {'model', 'dataset', 'task', 'method', 'schedule'}
    assert (sequence.task.dataset, sequence.task.name) == (dataset, task)
    assert sequence.method.name.lower().replace(' + ', '_') == method
    mibs_own = (family, dataset) == ('deeplabv3', 'voc')
    assert sequence.setting == ('disjoint' if mibs_own else 'overlapped')
    assert sequence.protocol == get_protocol('mib' if mibs_own else 'paper')
    assert str(sequence.work_dir.path) == f'work_dirs/{leaf.stem}'
    pretrained = re.sub(r'^r(?=\d)', 'resnet', backbone)
    weights = None if dataset == 'shapes' else f'weights/{pretrained}_in1k.pth'
    assert sequence.cfg.backbone_weights == weights


@pytest.mark.parametrize('backbone', BACKBONES)
@pytest.mark.parametrize('task', ['15-5', '15-5s', 'offline'])
def test_every_training_of_the_paper_can_be_chosen(backbone, task, read_once):
    """Backbones, tasks and methods of its tables, from any one of the leaves."""
    chosen = {
        'model': f'bisenet_{backbone}',
        'task': f'voc_{task}',
        'schedule': f'paper_{backbone}',
    }
    for method in ('joint',) if task == 'offline' else METHODS:
        options = {**chosen, 'method': method, 'dataset': 'voc', 'backbone_weights': None}
        one, other = (load_sequence(path, options) for path in (MIB, SHAPES))
        assert one.cfg.model.backbone.backbone_cfg.depth == int(backbone[1:])
        assert one.task == build_task(Config.fromfile(BASES / 'tasks' / f'voc_{task}.py').task)
        assert one.method.config == Config.fromfile(BASES / 'methods' / f'{method}.py').method
        for sequence in (one, other):
            sequence.cfg.work_dir = 'x'
            sequence.cfg.default_hooks.checkpoint.interval = 500  # the demo's leaf has its own
        assert one.cfg._cfg_dict.to_dict() == other.cfg._cfg_dict.to_dict()


@pytest.mark.parametrize(
    ('backbone', 'batch_size', 'rate'),
    [('r18', 64, 5e-2), ('r50', 40, 3.1e-2), ('r101', 32, 2.5e-2)],
)
def test_recipe_of_the_paper(backbone, batch_size, rate, read_once):
    for task, method in (*(('15-5', m) for m in METHODS), ('15-5s', 'mib'), ('offline', 'joint')):
        chosen = {'model': f'bisenet_{backbone}', 'task': f'voc_{task}', 'method': method}
        cfg = load_sequence(MIB, {**chosen, 'schedule': f'paper_{backbone}'}).cfg
        assert cfg.backbone_weights == f'weights/resnet{backbone[1:]}_in1k.pth'
        assert cfg.batch_size == batch_size
        assert cfg.crop_size == (392, 392)
        assert cfg.step_schedule.to_dict() == {
            'first': dict(lr=rate, epochs=30, freeze_norm=False),
            'later': dict(lr=pytest.approx(rate / 10), epochs=30, freeze_norm=False),
        }
        optimizer = dict(type='SGD', lr=0.0, momentum=0.9, weight_decay=1e-4)
        assert cfg.optim_wrapper.to_dict() == dict(type='OptimWrapper', optimizer=optimizer)
        poly = dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False)
        assert cfg.param_scheduler == [poly]
        assert cfg.auto_scale_lr.base_batch_size == batch_size
        # the linear rule LR_new = LR_old * B_new / B_old from 2.5e-2 at 32, two digits
        assert rate == pytest.approx(2.5e-2 * batch_size / 32, rel=0.02)


@pytest.mark.parametrize('dataset', ['voc', 'voc_augmented', 'voc_small', 'shapes'])
def test_only_the_augmented_data_are_rotated(dataset, read_once):
    cfg = load_sequence(MIB, {'dataset': dataset}).cfg
    pipeline = cfg.train_dataloader.dataset.pipeline
    rotations = [transform for transform in pipeline if transform.type == 'RandomRotate']
    assert len(rotations) == (dataset == 'voc_augmented')


def test_losses_and_weights_of_the_methods(read_once):
    def parts(method):
        cfg = load_sequence(MIB, {'method': method}).method.config
        terms = [(term.type, term.loss_weight, term.get('module')) for term in cfg.distillation]
        return cfg.loss.to_dict(), terms, cfg.classifier_init

    entropy = dict(type='CrossEntropyLoss')
    focal = dict(type='FocalUnbiasedCrossEntropy', alpha=2.0, gamma=1.5)
    kd = ('KnowledgeDistillation', 100.0, None)
    unkd = ('UnbiasedKnowledgeDistillation', 100.0, None)
    arm = ('FeatureDistillation', 100.0, 'backbone.context_path.arm16')
    assert parts('ft') == (entropy, [], 'random')
    assert parts('lwf') == (entropy, [kd], 'random')
    assert parts('ilt') == (entropy, [kd, arm], 'random')
    assert parts('mib') == (dict(type='UnbiasedCrossEntropy'), [unkd], 'background')
    assert parts('fuce') == (focal, [unkd], 'background')
    dpce = dict(type='DistancePenalizedCrossEntropy', sigma=5.0)
    assert parts('mib_dpce') == (dpce, [unkd], 'background')


@pytest.mark.parametrize('path', sorted(BASES.glob('tasks/*.py')), ids=lambda p: p.stem)
def test_every_base_task_can_be_built(path):
    task = build_task(Config.fromfile(path).task)
    dataset, name = path.stem.split('_')
    assert (task.dataset, task.name) == (dataset, name)


def test_siblings_define_different_keys():
    # two bases with one key are an error of mmengine, which any leaf would show; a base of models
    # owns the model, and so on
    keys = {path: set(Config.fromfile(path)) for path in BASES.glob('*/*.py')}
    owned = {'models': 'model', 'tasks': 'task', 'methods': 'method', 'schedules': 'step_schedule'}
    for folder, key in owned.items():
        for path, there in keys.items():
            assert (key in there) == (path.parent.name == folder), path


# --- options ------------------------------------------------------------------------------------


def options(*texts):
    """What the command line makes of ``--cfg-options``."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args(['--cfg-options', *texts]).cfg_options


def test_options_reach_the_step(read_once):
    chosen = options(
        'data_root=/data/elsewhere',
        'batch_size=6',
        'crop_size=96,128',
        'task.name=10-5',
        'setting=disjoint',
        'protocol=plop',
        'method=lwf',
        'step_schedule.first.lr=0.125',
        'backbone_weights=None',
    )
    sequence = load_sequence(MIB, chosen)
    step, later = sequence.step(0).config, sequence.step(1).config
    assert step.train_dataloader.batch_size == 6
    assert step.test_dataloader.batch_size == 4
    for loader in (step.train_dataloader, step.test_dataloader):
        assert loader.dataset.data_root == '/data/elsewhere'
        assert loader.dataset.task == dict(dataset='voc', name='10-5')
        assert loader.dataset.setting == 'disjoint'
        assert get_protocol(loader.dataset.protocol) == get_protocol('plop')
    crops = [t.crop_size for t in step.train_dataloader.dataset.pipeline if 'crop_size' in t]
    assert crops == [(96, 128)]
    assert step.model.data_preprocessor.size == (96, 128)
    assert step.model.classes_per_step == [11]
    assert [term.type for term in later.model.distillation] == ['KnowledgeDistillation']
    assert step.model.distillation == []
    assert step.model.decode_head.loss_decode.type == 'CrossEntropyLoss'
    assert step.optim_wrapper.optimizer.lr == 0.125
    assert 'init_cfg' in step.model.backbone.backbone_cfg
    assert 'Pretrained' not in str(step.model)


def test_options_may_be_tuples_or_lists(read_once):
    for size in ((64, 32), [64, 32]):
        step = load_sequence(MIB, {'crop_size': size}).step(0)
        assert step.config.model.data_preprocessor.size == (64, 32)


def test_a_pipeline_changed_by_its_name_is_used(read_once):
    changes = {'train_pipeline.3.prob': 0.25, 'test_pipeline.0.color_type': 'grayscale'}
    cfg = load_sequence(MIB, changes).cfg
    assert cfg.train_dataloader.dataset.pipeline[3].prob == 0.25
    assert cfg.test_dataloader.dataset.pipeline[0].color_type == 'grayscale'
    for name in ('train', 'test'):
        assert cfg[f'{name}_dataloader'].dataset.pipeline == cfg[f'{name}_pipeline']


def test_a_pipeline_that_is_not_used_cannot_be_changed(read_once):
    key = 'pipeline.0.color_type'
    changes = {f'test_dataloader.dataset.{key}': 'color', f'test_{key}': 'grayscale'}
    with pytest.raises(InputError, match='test_pipeline is not what test_dataloader loads'):
        load_sequence(MIB, changes)


def test_one_number_is_a_square_crop(read_once):
    step = load_sequence(MIB, options('crop_size=64')).step(0)
    assert step.config.model.data_preprocessor.size == (64, 64)


def test_work_dir_of_the_call_comes_before_that_of_the_config(read_once):
    def work_dir(*args):
        sequence = load_sequence(MIB, *args)
        assert sequence.cfg.work_dir == str(sequence.work_dir.path)
        return sequence.cfg.work_dir

    assert work_dir() == f'work_dirs/{MIB.stem}'
    assert work_dir({'work_dir': 'a'}) == 'a'
    assert work_dir({'work_dir': 'a'}, 'b') == 'b'
    assert work_dir({}, Path('b')) == 'b'


# --- a user's own leaf --------------------------------------------------------------------------


def own_leaf(tmp_path, text, base=MIB):
    path = tmp_path / 'mine.py'
    path.write_text(f'_base_ = {str(base)!r}\n{text}\n')
    return path


def test_own_task_in_three_lines(tmp_path):
    leaf = own_leaf(
        tmp_path,
        "task = dict(_delete_=True, dataset='voc', name='pets',\n"
        "            groups=[['cat', 'dog'], ['horse'], ['cow', 'sheep']])",
    )
    sequence = load_sequence(leaf)
    assert sequence.task.groups == ((8, 12), (13,), (10, 17))
    assert sequence.cfg.work_dir == 'work_dirs/mine'
    assert sequence.step(2).config.model.classes_per_step == [3, 1, 2]
    assert sequence.description['groups'] == [['cat', 'dog'], ['horse'], ['cow', 'sheep']]
    with pytest.raises(InputError, match='no step 3'):
        sequence.step(3)


def test_own_task_by_numbers_in_a_leaf_on_the_animals(tmp_path):
    leaf = own_leaf(
        tmp_path,
        "task = dict(groups=[[20, 'cat'], [1]])",
        base=ANIMALS,
    )
    assert load_sequence(leaf, {'method': 'ft'}).task.groups == ((20, 8), (1,))


def test_own_class_order(tmp_path):
    order = [*range(20, 2, -1), 'aeroplane', 'bicycle']
    leaf = own_leaf(tmp_path, f'task = dict(class_order={order!r})')
    sequence = load_sequence(leaf)
    assert sequence.task.groups == (tuple(range(20, 5, -1)), (5, 4, 3, 1, 2))
    assert sequence.class_names(1) == ['bottle', 'boat', 'bird', 'aeroplane', 'bicycle']
    assert sequence.description['groups'][1] == sequence.class_names(1)
    assert sequence.step(1).config.test_evaluator.groups['16-20'] == [16, 17, 18, 19, 20]


def test_own_method_in_a_leaf(tmp_path):
    leaf = own_leaf(tmp_path, "method = dict(name='Mine', loss=dict(avg_non_ignore=True))")
    sequence = load_sequence(leaf)
    loss = dict(type='UnbiasedCrossEntropy', avg_non_ignore=True)
    assert sequence.method.config.loss == loss
    assert sequence.step(1).config.model.auxiliary_head[1].loss_decode == dict(loss, num_old=16)
    assert sequence.method.name == sequence.description['method']['name'] == 'Mine'


# --- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'setting': 'overlaped'}, r"unknown setting 'overlaped'.*'overlapped'.*'disjoint'"),
        ({'setting': None}, 'unknown setting None'),
        ({'protocol': 'paperr'}, r"unknown protocol 'paperr'.*'mib'.*'plop'"),
        ({'protocol': dict(_delete_=True, voidd='ignore')}, r"unknown keys \['voidd'\]"),
        ({'protocol': dict(_delete_=True, void='zero')}, r"protocol\.void must be .*got 'zero'"),
        ({'protocol.void': 'nothing'}, r"protocol\.void must be one of .*got 'nothing'"),
        ({'task.name': '15-6'}, "task '15-6' does not fit 20 classes"),
        ({'task.name': 'fifteen'}, "unknown task 'fifteen'"),
        ({'task.dataset': 'coco'}, "unknown data set 'coco'"),
        ({'task.grups': [[1]]}, r"unknown keys \['grups'\]"),
        ({'task': '15-5'}, r"unknown task '15-5'; .*voc_15-5"),
        ({'task': 3}, 'task must be a dict.*got 3'),
        ({'task': dict(_delete_=True, name='15-5')}, r"task lacks \['dataset'\]"),
        ({'task.class_order': ['cat', 'cat', *range(1, 19)]}, 'listed twice'),
        ({'task.class_order': ['kitten']}, "lacks class 'kitten'"),
        ({'method': 3}, 'method must be a dict'),
        ({'method': None}, 'method must be a dict'),
        ({'method.alpha': 1}, r"unknown: \['alpha'\], missing: \[\]"),
        ({'method': dict(_delete_=True, name='x')}, r"missing: \['classifier_init', 'dist"),
        (
            {'method.classifier_init': 'zero'},
            r"is 'zero'; known are \['auxiliary', 'background', 'random', 'silent', 'unknown'\]",
        ),
        ({'load_from': 'step_0.pth'}, 'load_from and resume are set per step'),
        ({'resume': True}, 'load_from and resume are set per step'),
        (
            {'step_schedule.first.lr': None, 'step_schedule': dict(first=None)},
            r'first must give lr',
        ),
        ({'step_schedule': dict(later=dict(_delete_=True, lr=1.0))}, r'later must give lr and one'),
        (
            {'step_schedule': dict(later=dict(_delete_=True, iters=1))},
            r'later must give lr and one',
        ),
        ({'step_schedule.first.iters': 5}, r'first must give lr and one of epochs and iters'),
        (
            {'step_schedule': dict(_delete_=True, first=dict(lr=1.0, iters=1))},
            r'later must give lr',
        ),
    ],
    ids=str,
)
def test_mistake_is_told(changes, message, read_once):
    with pytest.raises(InputError, match=message):
        load_sequence(MIB, changes)


@pytest.mark.parametrize(
    'changes',
    [
        {'method': '../tasks/voc_15-5'},
        {'method.distillation.3.loss_weight': 1.0},
        {'method.classifier_init': ['background']},
        {'protocol': 3},
        {'step_schedule.first': 3},
        {'crop_size': 64.5},
        {'batch_size': 0},
    ],
    ids=str,
)
def test_mistake_is_told_too(changes, read_once):
    with pytest.raises(InputError):
        load_sequence(MIB, changes)


def test_missing_file_is_told(tmp_path):
    for path in (tmp_path / 'nope.py', tmp_path):
        with pytest.raises(InputError, match=f'{path}: config not found'):
            load_sequence(path)


@pytest.mark.parametrize('key', ['task', 'setting', 'data_root', 'step_schedule', 'model'])
def test_missing_entry_is_told(key, monkeypatch):
    cfg = copy.deepcopy(_fromfile(MIB))
    cfg.pop(key)
    monkeypatch.setattr(Config, 'fromfile', lambda path: cfg)
    with pytest.raises(InputError, match=rf"{MIB.name} lacks \['{key}'\]"):
        load_sequence(MIB)


@pytest.mark.parametrize(
    ('key', 'hint'),
    [
        ('lr', f'{MIB} has no such entry'),
        ('optimizer.lr', "did you mean 'optim_wrapper'"),
        ('step_schedul.first.lr', "did you mean 'step_schedule'"),
        ('data_rot', "did you mean 'data_root'"),
        ('custom_hook', "did you mean 'custom_hooks'"),
        ('metod', "did you mean 'method'"),
        ('datset', "did you mean 'dataset'"),
    ],
)
def test_unknown_option_is_refused_with_a_hint(key, hint, read_once):
    with pytest.raises(InputError, match=re.escape(f'unknown option {key!r}; {hint}')):
        load_sequence(MIB, {key: 0.5})


def test_options_that_no_leaf_has_are_taken(read_once):
    chosen = {'sync_bn': None, 'custom_hooks': [dict(type='EMAHook')], 'amp': False}
    cfg = load_sequence(MIB, {**chosen, 'find_unused_parameters': True}).cfg
    assert cfg.sync_bn is None
    assert cfg.custom_hooks == [dict(type='EMAHook')]
    assert cfg.find_unused_parameters is True


@pytest.mark.parametrize('switch', ['fast_path', 'compile_backbone', 'amp'])
def test_a_switch_is_a_truth_value(switch, read_once):
    with pytest.raises(InputError, match=f'{switch} must be True or False, got 1'):
        load_sequence(MIB, {switch: 1})


def test_leaf_without_bases_is_told_with_its_name(tmp_path):
    path = tmp_path / 'empty.py'
    path.write_text('batch_size = 3\n')
    with pytest.raises(InputError, match=r"empty\.py lacks \['task', 'method'"):
        load_sequence(path)


# --- the sequence as a value --------------------------------------------------------------------


def test_description_by_hand():
    assert load_sequence(SHAPES, {'setting': 'disjoint', 'method': 'lwf'}).description == {
        'dataset': 'shapes',
        'task': '4-1',
        'groups': [['disc', 'square', 'triangle', 'star'], ['ring'], ['cross']],
        'setting': 'disjoint',
        'dev': None,
        'partition_seed': None,
        'protocol': {'void': 'background', 'future': 'ignore', 'test_images': 'seen'},
        'method': {
            'name': 'LwF',
            'loss': {'type': 'CrossEntropyLoss'},
            'distillation': [{'type': 'KnowledgeDistillation', 'loss_weight': 100.0}],
            'classifier_init': 'random',
        },
    }


def plain(value):
    if isinstance(value, dict):
        return type(value) is dict and all(plain(v) for v in value.values())
    if isinstance(value, list):
        return all(plain(v) for v in value)
    return value is None or type(value) in (str, int, float, bool)


@pytest.mark.parametrize('method', sorted(p.stem for p in BASES.glob('methods/*.py')))
def test_description_is_plain_and_survives_a_json_file(method, read_once):
    description = load_sequence(SHAPES, {'method': method}).description
    assert plain(description)
    assert json.loads(json.dumps(description)) == description


def test_description_with_tuples_survives_a_json_file(read_once):
    loss = dict(type='CrossEntropyLoss', class_weight=(1.0, 2.0))
    description = load_sequence(SHAPES, {'method.loss': loss}).description
    assert json.loads(json.dumps(description)) == description


def test_a_sequence_and_its_steps_are_frozen(read_once):
    sequence = load_sequence(SHAPES)
    for value in (sequence, sequence.step(0)):
        with pytest.raises(dataclasses.FrozenInstanceError):
            value.sequence = None
    assert sequence.num_steps == 3
    assert sequence.step(1) is sequence.step(1)
    for index in (-1, 3):
        with pytest.raises(InputError, match=f'no step {index}'):
            sequence.step(index)


def test_a_step_knows_its_channels_and_its_schedule(read_once):
    step = load_sequence(SHAPES, {'step_schedule.2.lr': 0.5}).step(2)
    assert (step.channels.num_old, step.channels.num_new, step.channels.extra) == (6, 1, ())
    assert step.schedule == StepSchedule(lr=0.5, iters=150)


@pytest.mark.parametrize('name', ['incremental_loop', 'progress'])
def test_hooks_of_the_package_are_not_for_the_user(name):
    with pytest.raises(InputError, match=rf'default_hooks\.{name} is set per step'):
        load_sequence(SHAPES, {f'default_hooks.{name}': dict(type='IterTimerHook')})
