import json
from types import SimpleNamespace

import pytest
import torch
from mmseg.registry import HOOKS, MODELS
from tiny import cfg_options, command_main, leaf, run_tool
from torch import nn

from mmseg_incremental.engine import CompileBackbone
from mmseg_incremental.engine.compile_hook import check_compiler, unrecorded_parts
from mmseg_incremental.errors import InputError
from mmseg_incremental.models.feature_recorder import tapped_modules
from mmseg_incremental.sequence import load_checkpoint, load_sequence


def nested():
    inner = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1))
    return nn.ModuleDict(dict(stem=nn.Conv2d(1, 1, 1), deep=inner, deeper=nn.ReLU()))


@pytest.mark.parametrize(
    ('recorded', 'expected'),
    [
        ([], ['']),
        (['decode_head.conv', 'back', 'backbones.deep'], ['']),
        (['backbone'], ['stem', 'deep', 'deeper']),
        (['backbone.deep'], ['stem', 'deep.0', 'deep.1', 'deeper']),
        (['backbone.deep.1', 'backbone.stem'], ['deep.0', 'deeper']),
    ],
)
def test_parts_leave_out_what_is_recorded(recorded, expected):
    model = nested()
    parts = unrecorded_parts(model, 'backbone', recorded)
    assert [id(part) for part in parts] == [id(model.get_submodule(name)) for name in expected]


def test_last_child_that_is_recorded_is_left_out_too():
    """The stages of PLOP name the last block of each layer by -1."""
    step = load_sequence(leaf(), dict(method='plop')).step(1)
    model = MODELS.build(step.config.model)
    names = {id(module): name for name, module in model.named_modules()}
    recorded = tapped_modules(model, ['stages'])
    layers = [f'backbone.context_path.backbone.layer{i}' for i in (1, 2, 3, 4)]
    assert recorded == {f'{layer}.1.relu' for layer in layers}
    parts = {names[id(part)] for part in unrecorded_parts(model.backbone, 'backbone', recorded)}
    for layer in layers:
        assert f'{layer}.0' in parts
        assert not parts & {layer, f'{layer}.1', f'{layer}.1.relu'}
        assert f'{layer}.1.conv2' in parts


@pytest.mark.parametrize('wanted', [False, True])
def test_step_has_the_hook_where_it_is_wanted(wanted):
    cfg = load_sequence(leaf(), dict(compile_backbone=wanted)).step(1).config
    types = [hook.type for hook in cfg.default_hooks.values()]
    assert types.count('CompileBackbone') == wanted
    assert types.count('IncrementalLoop') == 1
    # the weights come first
    assert HOOKS.get('IncrementalLoop').priority == 'NORMAL'
    assert CompileBackbone.priority == 'BELOW_NORMAL'
    # MMEngine would compile the whole training step
    assert not {'compile', 'compile_backbone'} & set(cfg)


def test_the_key_is_a_truth_value():
    with pytest.raises(InputError, match='compile_backbone must be True or False, got 1'):
        load_sequence(leaf(), dict(compile_backbone=1))


def test_evaluation_is_not_compiled():
    compiled = []

    def backend(graph, _inputs):
        compiled.append(graph)
        return graph.forward

    layer = nn.Linear(1, 1)
    layer.compile(backend=backend)
    hook = CompileBackbone()
    hook.before_val(None)
    layer(torch.ones(1, 1))
    assert not compiled
    hook.after_val(None)
    layer(torch.ones(1, 1))
    assert len(compiled) == 1


def test_training_is_compiled_after_an_evaluation_that_failed(monkeypatch):
    module = 'mmseg_incremental.engine.compile_hook'
    monkeypatch.setattr(f'{module}.check_compiler', lambda device: None)
    monkeypatch.setattr(f'{module}.compile_model', lambda model: None)
    compiled = []

    def backend(graph, _inputs):
        compiled.append(graph)
        return graph.forward

    layer = nn.Linear(1, 1)
    layer.compile(backend=backend)
    CompileBackbone().before_val(None)  # and no after_val
    CompileBackbone().before_train(SimpleNamespace(model=layer))
    layer(torch.ones(1, 1))
    assert len(compiled) == 1


def test_failing_compiler_is_one_clear_error(monkeypatch):
    def fail(function):
        raise RuntimeError('no compiler\nand many lines')

    monkeypatch.setattr(torch, 'compile', fail)
    with pytest.raises(InputError, match=r'this machine: no compiler\. A CPU needs a C\+\+'):
        check_compiler(torch.device('cpu'))


def test_missing_compiler_stops_the_tool_before_it_trains(shapes, tmp_path, monkeypatch):
    monkeypatch.setenv('CXX', '/nowhere/g++')
    monkeypatch.setenv('TORCHINDUCTOR_CACHE_DIR', str(tmp_path / 'cache'))
    work_dir = tmp_path / 'work'
    done = run_tool('train', leaf(), '--compile', '--work-dir', work_dir, *cfg_options(shapes))
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith('error: ')]
    assert len(errors) == 1
    assert '/nowhere/g++' in errors[0]
    assert 'Traceback' not in done.stderr
    assert not list(work_dir.rglob('*.pth'))


def compare_with_eager(shapes, folder, tolerance):
    """Step 1 of ILT, which runs two backbones and takes features out of them."""
    changes = {
        'step_schedule.first.iters': 1,
        'step_schedule.later.iters': 2,
        'default_hooks.logger.interval': 1,
        'crop_size': (48, 48),
    }
    eager, compiled = folder / 'eager', folder / 'compiled'
    for work_dir, flags in ((eager, []), (compiled, ['--compile', '--base', eager])):
        options = [*flags, '--steps', 0, 1, '--work-dir', work_dir]
        command_main('train')([leaf(), *options, *cfg_options(shapes, method='ilt', **changes)])
    one, other = losses(compiled), losses(eager)
    assert len(one) == 2
    assert one == pytest.approx(other, rel=tolerance)
    one, other = (load_checkpoint(w / 'step_1.pth') for w in (compiled, eager))
    assert list(one['state_dict']) == list(other['state_dict'])
    assert one['meta']['fingerprint'] == other['meta']['fingerprint']


def losses(work_dir):
    (log,) = work_dir.glob('step_1/*/vis_data/scalars.json')
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    return [row['loss'] for row in rows if 'loss' in row]


@pytest.mark.slow
def test_distilled_features_survive_the_tracing(shapes, tmp_path, monkeypatch):
    """The tracer alone, without the compiler that takes most of the time."""
    graphs, compile_module = [], nn.Module.compile

    def backend(graph, _inputs):
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(nn.Module, 'compile', lambda m: compile_module(m, backend=backend))
    monkeypatch.setattr('mmseg_incremental.engine.compile_hook.check_compiler', lambda _: None)
    compare_with_eager(shapes, tmp_path, tolerance=1e-4)
    assert len(graphs) > 2


@pytest.mark.slow
def test_compiled_sequence_learns_the_same(shapes, tmp_path):
    compare_with_eager(shapes, tmp_path, tolerance=1e-2)
