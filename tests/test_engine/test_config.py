import argparse
import ast
import copy
import functools
import itertools
import json
from pathlib import Path

import pytest
from mmengine.config import Config, DictAction

from mmseg_incremental.datasets import get_protocol
from mmseg_incremental.engine import check_config, describe_sequence, load_config, step_config
from mmseg_incremental.errors import InputError
from mmseg_incremental.tasks import build_task

CONFIGS = Path(__file__).parents[2] / 'configs'
LEAVES = sorted(CONFIGS.glob('*.py'))
MIB = CONFIGS / 'bisenet_r18_voc_15-5_mib.py'
SHAPES = CONFIGS / 'bisenet_r18_shapes_4-1_mib.py'
METHODS = ('ft', 'lwf', 'ilt', 'mib', 'fuce')
VOC_METHODS = (*METHODS, 'mib_dpce')
BACKBONES = ('r18', 'r50', 'r101')

read = functools.cache(load_config)
_fromfile = functools.cache(Config.fromfile)
every_leaf = pytest.mark.parametrize('leaf', LEAVES, ids=lambda path: path.stem)


@pytest.fixture
def read_once(monkeypatch):
    """Read every file only once."""
    monkeypatch.setattr(Config, 'fromfile', lambda path: copy.deepcopy(_fromfile(path)))


# --- the leaves ---------------------------------------------------------------------------------


def test_there_is_a_leaf_for_every_combination():
    expected = {
        f'bisenet_{backbone}_voc_{task}_{method}'
        for backbone, task, method in itertools.product(BACKBONES, ('15-5', '15-5s'), VOC_METHODS)
    }
    expected |= {f'bisenet_{backbone}_voc_offline' for backbone in BACKBONES}
    expected |= {f'bisenet_{backbone}_voc_offline_augmented' for backbone in BACKBONES}
    expected |= {f'bisenet_r18_voc_animals_{method}' for method in VOC_METHODS}
    expected |= {f'bisenet_r18_voc_animals-s_{method}' for method in ('ft', 'mib')}
    expected |= {'bisenet_r18_voc_animals-offline_augmented'}
    expected |= {f'bisenet_{backbone}_voc_animals-offline' for backbone in BACKBONES}
    expected |= {f'bisenet_r18_shapes_4-1_{method}' for method in METHODS}
    expected |= {'bisenet_r18_shapes_offline'}
    assert {path.stem for path in LEAVES} == expected
    assert len(LEAVES) == 3 * (2 * 6 + 2) + 6 + 2 + 1 + 3 + 5 + 1 == 60
    assert (CONFIGS / 'bisenet_r101_voc_15-5s_mib.py').is_file()


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
    cfg = read(leaf)
    _, backbone, dataset, task, *method = leaf.stem.split('_')
    assert cfg.model.backbone.backbone_cfg.depth == int(backbone[1:])
    assert (cfg.task.dataset, cfg.task.name) == (dataset, task)
    offline = task.endswith('offline')
    assert cfg.method.name.lower().replace(' + ', '_') == ('joint' if offline else '_'.join(method))
    rotations = [t for t in cfg.train_dataloader.dataset.pipeline if t.type == 'RandomRotate']
    assert len(rotations) == (offline and method == ['augmented'])
    assert cfg.setting == 'overlapped'
    assert get_protocol(cfg.protocol) == get_protocol('paper')
    assert cfg.work_dir == f'work_dirs/{leaf.stem}'
    weights = f'weights/resnet{backbone[1:]}_in1k.pth'
    assert cfg.backbone_weights == (None if dataset == 'shapes' else weights)


@pytest.mark.parametrize(
    ('backbone', 'batch_size', 'rate'),
    [('r18', 64, 5e-2), ('r50', 40, 3.1e-2), ('r101', 32, 2.5e-2)],
)
def test_recipe_of_the_paper(backbone, batch_size, rate):
    leaves = [
        path for path in LEAVES if f'_{backbone}_voc_' in path.name and 'animals' not in path.name
    ]
    assert len(leaves) == 14
    for leaf in leaves:
        cfg = read(leaf)
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


def test_losses_and_weights_of_the_methods():
    def parts(method):
        cfg = read(CONFIGS / f'bisenet_r101_voc_15-5s_{method}.py').method
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


@pytest.mark.parametrize('path', sorted(CONFIGS.glob('_base_/tasks/*.py')), ids=lambda p: p.stem)
def test_every_base_task_can_be_built(path):
    task = build_task(Config.fromfile(path).task)
    dataset, name = path.stem.split('_')
    assert (task.dataset, task.name) == (dataset, name)


@pytest.mark.parametrize('path', sorted(CONFIGS.glob('_base_/methods/*.py')), ids=lambda p: p.stem)
def test_every_base_method_can_be_chosen_by_name(path, read_once):
    cfg = load_config(MIB, {'method': path.stem})
    assert cfg.method.to_dict() == Config.fromfile(path).method.to_dict()


def test_siblings_define_different_keys():
    # two bases with one key are an error of mmengine, which any leaf would show; a base of models
    # owns the model, and so on
    keys = {path: set(Config.fromfile(path)) for path in CONFIGS.glob('_base_/*/*.py')}
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
    cfg = load_config(MIB, chosen)
    step, later = step_config(cfg, 0), step_config(cfg, 1)
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
    assert step.model.decode_head.classes_per_step == [11]
    assert [term.type for term in later.model.distillation] == ['KnowledgeDistillation']
    assert step.model.distillation == []
    assert step.model.decode_head.loss_decode.type == 'CrossEntropyLoss'
    assert step.optim_wrapper.optimizer.lr == 0.125
    assert 'init_cfg' in step.model.backbone.backbone_cfg
    assert 'Pretrained' not in str(step.model)


def test_options_may_be_tuples_or_lists(read_once):
    for size in ((64, 32), [64, 32]):
        step = step_config(load_config(MIB, {'crop_size': size}), 0)
        assert step.model.data_preprocessor.size == (64, 32)


def test_one_number_is_a_square_crop_or_is_told(read_once):
    try:
        step = step_config(load_config(MIB, options('crop_size=64')), 0)
    except InputError as error:
        assert 'crop_size' in str(error)  # noqa: PT017
    else:
        assert step.model.data_preprocessor.size == (64, 64)


def test_work_dir_of_the_call_comes_before_that_of_the_config(read_once):
    assert load_config(MIB).work_dir == f'work_dirs/{MIB.stem}'
    assert load_config(MIB, {'work_dir': 'a'}).work_dir == 'a'
    assert load_config(MIB, {'work_dir': 'a'}, 'b').work_dir == 'b'


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
    cfg = load_config(leaf)
    task = build_task(cfg.task)
    assert task.groups == ((8, 12), (13,), (10, 17))
    assert cfg.work_dir == 'work_dirs/mine'
    assert step_config(cfg, 2).model.decode_head.classes_per_step == [3, 1, 2]
    assert describe_sequence(cfg)['groups'] == [['cat', 'dog'], ['horse'], ['cow', 'sheep']]
    with pytest.raises(InputError, match='no step 3'):
        step_config(cfg, 3)


def test_own_task_by_numbers_in_a_leaf_on_the_animals(tmp_path):
    leaf = own_leaf(
        tmp_path,
        "task = dict(groups=[[20, 'cat'], [1]])",
        base=CONFIGS / 'bisenet_r18_voc_animals_ft.py',
    )
    assert build_task(load_config(leaf).task).groups == ((20, 8), (1,))


def test_own_class_order(tmp_path):
    order = [*range(20, 2, -1), 'aeroplane', 'bicycle']
    leaf = own_leaf(tmp_path, f'task = dict(class_order={order!r})')
    cfg = load_config(leaf)
    task = build_task(cfg.task)
    assert task.groups == (tuple(range(20, 5, -1)), (5, 4, 3, 1, 2))
    assert describe_sequence(cfg)['groups'][1] == ['bottle', 'boat', 'bird', 'aeroplane', 'bicycle']
    assert step_config(cfg, 1).test_evaluator.groups['16-20'] == [16, 17, 18, 19, 20]


def test_own_method_in_a_leaf(tmp_path):
    leaf = own_leaf(tmp_path, "method = dict(name='Mine', loss=dict(avg_non_ignore=True))")
    cfg = load_config(leaf)
    assert cfg.method.loss == dict(type='UnbiasedCrossEntropy', avg_non_ignore=True)
    assert step_config(cfg, 1).model.auxiliary_head[1].loss_decode.avg_non_ignore is True
    assert describe_sequence(cfg)['method']['name'] == 'Mine'


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
        ({'task': '15-5'}, r"task must be a dict.*got '15-5'"),
        ({'task': dict(_delete_=True, name='15-5')}, r"task lacks \['dataset'\]"),
        ({'task.class_order': ['cat', 'cat', *range(1, 19)]}, 'listed twice'),
        ({'task.class_order': ['kitten']}, "lacks class 'kitten'"),
        ({'method': 'mibb'}, r"unknown method 'mibb'; methods in .* are \['ft', .*'mib_dpce'\]"),
        ({'method': 3}, 'method must be a dict'),
        ({'method': None}, 'method must be a dict'),
        ({'method.alpha': 1}, r"unknown: \['alpha'\], missing: \[\]"),
        ({'method': dict(_delete_=True, name='x')}, r"missing: \['classifier_init', 'dist"),
        ({'method.classifier_init': 'zero'}, r"is 'zero'; known are \['background', 'random'\]"),
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
        load_config(MIB, changes)


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
        load_config(MIB, changes)


def test_missing_file_is_told(tmp_path):
    for path in (tmp_path / 'nope.py', tmp_path):
        with pytest.raises(InputError, match=f'{path}: config not found'):
            load_config(path)


@pytest.mark.parametrize('key', ['task', 'setting', 'data_root', 'step_schedule', 'model'])
def test_missing_entry_is_told(key, read_once):
    cfg = load_config(MIB)
    cfg.pop(key)
    with pytest.raises(InputError, match=rf"lacks \['{key}'\]"):
        check_config(cfg)


def test_leaf_without_bases_is_told_with_its_name(tmp_path):
    path = tmp_path / 'empty.py'
    path.write_text('batch_size = 3\n')
    with pytest.raises(InputError, match=r"empty\.py lacks \['task', 'method'"):
        load_config(path)


# --- describe_sequence --------------------------------------------------------------------------


def test_description_by_hand():
    assert describe_sequence(load_config(SHAPES, {'setting': 'disjoint', 'method': 'lwf'})) == {
        'dataset': 'shapes',
        'task': '4-1',
        'groups': [['disc', 'square', 'triangle', 'star'], ['ring'], ['cross']],
        'setting': 'disjoint',
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


@every_leaf
def test_description_is_plain_and_survives_a_json_file(leaf):
    description = describe_sequence(read(leaf))
    assert plain(description)
    assert json.loads(json.dumps(description)) == description


def test_description_with_tuples_survives_a_json_file(read_once):
    cfg = load_config(
        SHAPES, {'method.loss': dict(type='CrossEntropyLoss', class_weight=(1.0, 2.0))}
    )
    description = describe_sequence(cfg)
    assert json.loads(json.dumps(description)) == description
