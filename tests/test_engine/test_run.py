"""Whole runs of the real command."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import mmcv
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.hooks import Hook
from mmseg.registry import HOOKS, MODELS, TASK_UTILS
from tiny import (
    ITERS,
    OPTIONS,
    ROOT,
    assert_same_weights,
    cfg_options,
    leaf,
    measured,
    run_tool,
    run_until_killed,
    tiny_sequence,
    weights,
)
from tiny_heads import model_config

from mmseg_incremental.apis import RunOptions, evaluate_step, load_sequence, run_sequence
from mmseg_incremental.engine import NonFiniteLossError
from mmseg_incremental.engine.pictures import draw_sequence
from mmseg_incremental.errors import InputError
from mmseg_incremental.evaluation import SequenceResults
from mmseg_incremental.sequence import CheckpointError, load_checkpoint
from mmseg_incremental.sequence import config as config_module

EMA = {'custom_hooks': [dict(type='EMAHook', momentum=0.5)]}


def test_run_leaves_checkpoints_configs_results_and_pictures(trained: Path) -> None:
    for step in range(3):
        assert (trained / f'step_{step}.pth').is_file()
        assert (trained / f'step_{step}.py').is_file()
        assert not list((trained / f'step_{step}').glob('iter_*.pth'))
    for name in ('predictions.png', 'step_matrix.png'):
        assert (trained / 'pictures' / name).stat().st_size > 10_000
    results = json.loads((trained / 'results.json').read_text())
    assert list(results['steps']) == ['0', '1', '2']
    assert results['steps']['1']['iterations'] == ITERS
    assert list(results['steps']['2']['IoU']) == [
        'background', 'disc', 'square', 'triangle', 'star', 'ring', 'cross'
    ]  # fmt: skip
    column = [results['steps'][str(step)]['mIoU']['1-4'] for step in range(3)]
    lost = [
        max(results['steps'][step]['IoU'][name] for step in '01')
        - results['steps']['2']['IoU'][name]
        for name in ('disc', 'square', 'triangle', 'star')
    ]
    assert results['forgetting']['mIoU']['1-4'] == pytest.approx(sum(lost) / 4)
    first = results['steps']['0']
    assert first['cost']['seconds'] > 0
    assert first['cost']['peak_memory_mib'] > 100
    assert first['cost']['trainable_parameters'] == first['cost']['parameters'] > 1e6
    assert (first['seed'], first['inference']['test_cfg']) == (0, {'mode': 'whole'})
    assert {'torch', 'mmengine', 'mmseg_incremental'} <= first['versions'].keys()
    assert results['average']['mIoU']['1-4'] == pytest.approx(sum(column) / 3)
    assert results['steps']['0']['mIoU'].keys() == {'1-4', 'all'}
    out = (trained / 'stdout.txt').read_text()
    assert '\x1b' not in out, 'no colours where there is no terminal'
    assert out.splitlines()[-3] == f'next: mmseg-incremental predict {trained} PICTURES --out DIR'
    assert 'forgetting' in out
    assert 'MiB on shapes 4-1' in out


def test_every_step_trains(trained: Path) -> None:
    for step in (1, 2):
        before, after = weights(trained, step - 1), weights(trained, step)
        rows = len(before['decode_head.conv_seg.weight'])
        assert len(after['decode_head.conv_seg.weight']) == rows + 1
        assert not torch.equal(before['decode_head.conv_seg.weight'],
                               after['decode_head.conv_seg.weight'][:rows])  # fmt: skip
        key = 'backbone.context_path.arm16.conv_layer.conv.weight'
        assert not torch.equal(before[key], after[key])


def test_test_tool_prints_the_numbers_of_training(shapes: Path, trained: Path, tmp_path) -> None:
    out = tmp_path / 'test.json'
    done = run_tool('test', leaf(), trained, '--out', out, *cfg_options(shapes))
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'to the last digit' in done.stdout
    trained_steps = json.loads((trained / 'results.json').read_text())['steps']
    for step, result in json.loads(out.read_text())['steps'].items():
        for key, value in result.items():
            assert trained_steps[step][key] == value
    table = (trained / 'stdout.txt').read_text().split('step 2: evaluating')[1]
    rows = [line for line in table.splitlines() if line.startswith(('│', '┃'))]
    assert rows
    assert all(row in done.stdout for row in rows)


def test_plain_mmseg_predicts_the_same_logits(shapes: Path, trained: Path) -> None:
    picture = sorted((shapes / 'JPEGImages').glob('*.jpg'))[0]
    code = f"""
        import sys, torch
        from mmseg.apis import inference_model, init_model
        model = init_model({str(trained / 'step_1.py')!r}, {str(trained / 'step_1.pth')!r}, 'cpu')
        result = inference_model(model, {str(picture)!r})
        assert not [name for name in sys.modules if name.startswith('mmseg_incremental')]
        assert model.dataset_meta['classes'][-1] == 'ring'
        torch.save(result.seg_logits.data, {str(trained / 'logits.pt')!r})
    """
    subprocess.run([sys.executable, '-c', textwrap.dedent(code)], check=True, capture_output=True,
                   env={**os.environ, 'OMP_NUM_THREADS': '1'}, cwd=trained)  # fmt: skip
    plain = torch.load(trained / 'logits.pt', weights_only=True)
    assert plain.shape[0] == 6

    model = MODELS.build(tiny_sequence(shapes, trained).step(1).config.model).eval()
    model.load_state_dict(weights(trained, 1))
    sample = Compose([dict(type='PackSegInputs')])(
        dict(img=mmcv.imread(picture), img_shape=(64, 64), ori_shape=(64, 64))
    )
    with torch.no_grad():
        own = model.test_step(pseudo_collate([sample]))[0].seg_logits.data
    assert torch.equal(own, plain)


def test_killed_run_resumes_to_identical_weights(shapes, trained, tmp_path) -> None:
    work_dir = tmp_path / 'killed'
    run_until_killed(shapes, work_dir, step=1, iteration=5)
    assert not (work_dir / 'step_1.pth').exists()
    refused = run_tool('train', leaf(), '--work-dir', work_dir, *cfg_options(shapes))
    assert refused.returncode == 1
    assert refused.stderr.strip().splitlines()[-1].startswith('error: step 0 is done in')
    assert '--resume' in refused.stderr
    done = run_tool('train', leaf(), '--work-dir', work_dir, '--resume', *cfg_options(shapes))
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'iter_4.pth' in done.stdout
    assert 'forgetting' in done.stdout
    assert_same_weights(trained, work_dir)
    assert measured(work_dir) == measured(trained)


@pytest.mark.slow
def test_run_killed_before_its_first_checkpoint_starts_anew(shapes, trained, tmp_path) -> None:
    run_until_killed(shapes, tmp_path, step=0, iteration=1)
    run_sequence(tiny_sequence(shapes, tmp_path), RunOptions([0], resume=True))
    assert_same_weights(trained, tmp_path, steps=1)


@pytest.mark.slow
def test_steps_one_by_one_are_the_whole_sequence(shapes, trained, tmp_path) -> None:
    for step in range(3):
        run_sequence(tiny_sequence(shapes, tmp_path), RunOptions([step]))
    assert_same_weights(trained, tmp_path)


@pytest.mark.slow
def test_two_processes(shapes: Path, trained: Path, tmp_path: Path) -> None:
    options = cfg_options(shapes, batch_size=2)
    done = run_tool('train', leaf(), '--work-dir', tmp_path / 'two', '--launcher', 'pytorch',
                    *options, processes=2)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count('wrote') == 6
    alone = run_tool('test', leaf(), tmp_path / 'two', *options)
    assert 'to the last digit' in alone.stdout, alone.stdout + alone.stderr
    both = run_tool('test', leaf(), trained, '--launcher', 'pytorch', *options, processes=2)
    assert 'to the last digit' in both.stdout, both.stdout + both.stderr


@pytest.mark.slow
@pytest.mark.parametrize('method', ['ft', 'lwf', 'ilt', 'fuce'])
def test_other_methods_run(shapes: Path, trained: Path, tmp_path: Path, method: str) -> None:
    results = run_sequence(tiny_sequence(shapes, tmp_path, method), RunOptions([0, 1]))
    assert set(results.steps) == {0, 1}
    assert_same_weights(trained, tmp_path, steps=1)
    ours, mib = weights(tmp_path, 1), weights(trained, 1)
    key = 'decode_head.conv_seg.weight'
    assert not torch.equal(ours[key], mib[key])


def test_joint_learns_all_at_once(shapes: Path, tmp_path: Path) -> None:
    config = ROOT / 'configs' / 'bisenet_r18_shapes_offline.py'
    results = run_sequence(load_sequence(config, {'data_root': str(shapes), **OPTIONS}, tmp_path))
    assert list(results.steps[0]['mIoU']) == ['1-4', '5-6', 'all']


@pytest.mark.slow
def test_sequence_with_a_stock_head_of_deeplab_runs(shapes: Path, tmp_path: Path) -> None:
    """Its pictures are drawn by the head that learnt, and not by a partly random one."""
    name = 'DepthwiseSeparableASPPHead'
    model = dict(
        _delete_=True, **model_config(name), data_preprocessor=dict(type='SegDataPreProcessor')
    )
    sequence = tiny_sequence(shapes, tmp_path, model=model)
    results = run_sequence(sequence, RunOptions([0, 1]))
    assert set(results.steps) == {0, 1}
    assert (tmp_path / 'pictures' / 'predictions.png').is_file()
    plain = Config.fromfile(tmp_path / 'step_1.py')
    assert plain.model.decode_head.type == name
    stock = MODELS.build(plain.model)
    stock.load_state_dict(weights(tmp_path, 1), strict=True)


def test_another_sequence_is_refused(shapes: Path, trained: Path) -> None:
    refused = run_tool('train', leaf('ft'), '--work-dir', trained, '--resume', *cfg_options(shapes))
    assert refused.returncode == 1
    lines = [line for line in refused.stderr.splitlines() if line.startswith('error')]
    assert len(lines) == 1
    assert 'another method' in lines[0]
    order = {'task.class_order': [6, 5, 4, 3, 2, 1]}
    with pytest.raises(InputError, match=r'another groups .*choose another --work-dir'):
        run_sequence(tiny_sequence(shapes, trained, **order), RunOptions(resume=True))
    with pytest.raises(InputError, match='another setting'):
        run_sequence(tiny_sequence(shapes, trained, setting='disjoint'), RunOptions(resume=True))


def test_missing_predecessor_is_refused(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r'step 2 needs .*step_1.pth, which is missing; .* --steps 0 1 2'
    ):
        run_sequence(tiny_sequence(shapes, tmp_path), RunOptions([2]))


def test_damaged_and_foreign_predecessors_are_refused(shapes, trained, tmp_path) -> None:
    target = tmp_path / 'step_0.pth'
    target.write_bytes((trained / 'step_0.pth').read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match='damaged'):
        run_sequence(tiny_sequence(shapes, tmp_path), RunOptions([1]))
    target.write_bytes((trained / 'step_0.pth').read_bytes())
    order = {'task.class_order': [6, 5, 4, 3, 2, 1]}
    with pytest.raises(CheckpointError, match='another task'):
        run_sequence(tiny_sequence(shapes, tmp_path, **order), RunOptions([1]))
    assert not (tmp_path / 'step_1.pth').exists()


def test_unwritable_work_dir_is_refused(shapes: Path, tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match='work dir cannot be written'):
        run_sequence(tiny_sequence(shapes, tmp_path / 'file' / 'work_dir'))


def test_missing_backbone_weights_are_refused(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'nowhere.pth not found: .*download-weights'):
        run_sequence(tiny_sequence(shapes, tmp_path, backbone_weights='nowhere.pth'))


def test_nan_loss_stops_with_names(shapes: Path, tmp_path: Path) -> None:
    sequence = tiny_sequence(shapes, tmp_path, **{'step_schedule.later.lr': 1e30})
    with pytest.raises(NonFiniteLossError) as caught:
        run_sequence(sequence)
    message = str(caught.value)
    assert 'step 1, iteration' in message
    assert 'distill.loss_unkd=' in message
    assert (tmp_path / 'step_0.pth').is_file()
    assert not (tmp_path / 'step_1.pth').exists()
    for path in (tmp_path / 'step_1').glob('iter_*.pth'):
        state = load_checkpoint(path, training_state=True)['state_dict']
        assert all(torch.isfinite(value).all() for value in state.values())


def test_dry_run_trains_nothing(shapes: Path, tmp_path: Path) -> None:
    work_dir = tmp_path / 'dry'
    done = run_tool('train', leaf(), '--dry-run', '--work-dir', work_dir, *cfg_options(shapes))
    assert done.returncode == 0, done.stderr
    for text in ('disc', 'ring', 'cross', 'step_2.pth', '0.03', '0.01'):
        assert text in done.stdout
    assert not work_dir.exists()


def test_missing_data_root_is_one_clear_error(tmp_path: Path) -> None:
    config = ROOT / 'configs' / 'bisenet_r101_voc_15-5s_mib.py'
    options = ['--cfg-options', f'data_root={tmp_path}/nowhere']
    done = run_tool('train', config, '--dry-run', *options)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith('error')]
    assert len(errors) == 1
    assert 'prepare-voc' in done.stderr
    assert 'Traceback' not in done.stderr


# --- a step's config is built once --------------------------------------------------------------


@pytest.mark.slow
def test_step_config_is_built_once_per_step(shapes, tmp_path, monkeypatch) -> None:
    calls = Counter()
    build = config_module.step_config

    def count(sequence, step):
        calls[step] += 1
        return build(sequence, step)

    monkeypatch.setattr(config_module, 'step_config', count)
    changes = {'step_schedule.first.num_evaluations': 2}
    sequence = tiny_sequence(shapes, tmp_path, **changes)
    results = run_sequence(sequence)
    assert list(results.steps) == [0, 1, 2]
    assert (tmp_path / 'pictures' / 'predictions.png').is_file()
    assert calls == {0: 1, 1: 1, 2: 1}


@pytest.mark.slow
def test_running_leaves_the_sequence_as_it_was_read(shapes, tmp_path) -> None:
    sequence = tiny_sequence(shapes, tmp_path, 'ilt')
    before = [sequence.cfg.pretty_text, *(sequence.step(t).config.pretty_text for t in range(2))]
    run_sequence(sequence, RunOptions([0, 1]))
    after = [sequence.cfg.pretty_text, *(sequence.step(t).config.pretty_text for t in range(2))]
    assert after == before


# --- finished steps are trained again -----------------------------------------------------------


@pytest.fixture
def finished(trained: Path, tmp_path: Path) -> Path:
    """A finished sequence of one's own."""
    return shutil.copytree(trained, tmp_path / 'finished')


def stamps(work_dir: Path) -> list[int]:
    return [(work_dir / f'step_{step}.pth').stat().st_mtime_ns for step in range(3)]


@pytest.mark.slow
def test_overwritten_step_is_identical_where_nothing_changed(shapes, trained, finished) -> None:
    before = stamps(finished)
    done = run_tool(
        'train', leaf(), '--work-dir', finished, '--resume', '--overwrite-step', 1,
        *cfg_options(shapes),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'step 1: learning ring' in done.stdout
    assert 'step 0: learning' not in done.stdout
    assert 'step 2: learning' not in done.stdout
    assert 'other settings' not in done.stdout
    assert [a == b for a, b in zip(before, stamps(finished), strict=True)] == [True, False, True]
    assert_same_weights(trained, finished)
    assert measured(finished) == measured(trained)
    assert (finished / 'step_1.py').read_text() == (trained / 'step_1.py').read_text()


@pytest.mark.slow
def test_overwritten_step_replaces_its_results(shapes, finished, capsys) -> None:
    before = SequenceResults.load(finished / 'results.json').steps
    old = weights(finished, 1)
    sequence = tiny_sequence(shapes, finished, **{'step_schedule.1.iters': 2})
    results = run_sequence(sequence, RunOptions([1], overwrite=[1]))
    assert results.steps.keys() == {0, 1, 2}
    assert (results.steps[0], results.steps[2]) == (before[0], before[2])
    assert results.steps[1]['iterations'] == 2
    assert results.steps[1]['fingerprint'] != before[1]['fingerprint']
    assert json.loads((finished / 'results.json').read_text())['steps']['1']['iterations'] == 2
    key = 'decode_head.conv_seg.weight'
    assert not torch.equal(weights(finished, 1)[key], old[key])
    # the step behind it is kept, and told
    capsys.readouterr()
    run_sequence(sequence, RunOptions(resume=True))
    assert 'step 2 is there, but was trained with other settings' in capsys.readouterr().out


@pytest.mark.slow
def test_overwriting_that_is_interrupted_goes_on_like_any_other(shapes, trained, finished) -> None:
    code = f"""
        from tiny import leaf, tiny_sequence
        from mmseg_incremental.apis import RunOptions, run_sequence
        from mmseg_incremental.engine import IncrementalLoop

        def fail(self, runner, *args, **kwargs):
            if runner.iter + 1 == 5:
                raise KeyboardInterrupt

        IncrementalLoop.after_train_iter = fail
        sequence = tiny_sequence({str(shapes)!r}, {str(finished)!r})
        run_sequence(sequence, RunOptions([1], overwrite=[1]))
    """
    path = os.pathsep.join([str(ROOT / 'tests'), os.environ.get('PYTHONPATH', '')])
    done = subprocess.run(
        [sys.executable, '-c', textwrap.dedent(code)], capture_output=True, text=True, check=False,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': path},
    )  # fmt: skip
    assert 'KeyboardInterrupt' in done.stderr
    assert not (finished / 'step_1.pth').exists()
    assert SequenceResults.load(finished / 'results.json').steps.keys() == {0, 2}
    run_sequence(tiny_sequence(shapes, finished), RunOptions(resume=True))
    assert_same_weights(trained, finished)
    assert measured(finished) == measured(trained)


# --- what is saved ------------------------------------------------------------------------------


@pytest.fixture(scope='module')
def averaged(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Work dir of two steps with a moving average over the weights."""
    work_dir = tmp_path_factory.mktemp('averaged')
    run_sequence(tiny_sequence(shapes, work_dir, **EMA), RunOptions([0, 1]))
    return work_dir


@pytest.mark.slow
def test_step_holds_the_averaged_weights(shapes, trained, averaged, tmp_path) -> None:
    """The first iterations are those of a run without an average, so it can be computed."""
    seen = []

    @HOOKS.register_module()
    class Collect(Hook):
        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            named = runner.model.named_parameters()
            seen.append({name: value.detach().clone() for name, value in named})

    try:
        changes = {'custom_hooks': [dict(type='Collect')]}
        run_sequence(tiny_sequence(shapes, tmp_path, **changes), RunOptions([0]))
    finally:
        HOOKS.module_dict.pop('Collect')
    assert_same_weights(trained, tmp_path, steps=1)
    average = dict(seen[0])
    for values in seen[1:]:
        average = {name: 0.5 * average[name] + 0.5 * values[name] for name in average}
    found, plain = weights(averaged, 0), weights(trained, 0)
    common = [name for name in average if name in found]
    assert len(common) > 50
    for name in common:
        torch.testing.assert_close(found[name], average[name], rtol=1e-4, atol=1e-5, msg=name)
    assert sum(not torch.equal(found[name], plain[name]) for name in common) > 50


@pytest.mark.slow
def test_averaging_resumes_to_identical_weights(shapes, averaged, tmp_path) -> None:
    run_until_killed(shapes, tmp_path, step=1, iteration=5, **EMA)
    assert (tmp_path / 'step_1' / 'iter_4.pth').is_file()
    run_sequence(tiny_sequence(shapes, tmp_path, **EMA), RunOptions([0, 1], resume=True))
    assert_same_weights(averaged, tmp_path, steps=2)


@pytest.mark.slow
def test_what_follows_a_step_acts_on_the_averaged_weights(shapes, averaged, tmp_path) -> None:
    """Not on those of the last iteration, which nobody would see again."""

    @TASK_UTILS.register_module()
    class AddOldBias:
        def __call__(self, model, old_state, channels):
            model.decode_head.conv_seg[0].bias.data += old_state['decode_head.conv_seg.bias']

    try:
        part = {'method.after_step': [dict(type='AddOldBias')]}
        sequence = tiny_sequence(shapes, tmp_path, **EMA, **part)
        run_sequence(sequence, RunOptions([0, 1]))
    finally:
        TASK_UTILS.module_dict.pop('AddOldBias')
    before, expected, found = weights(averaged, 0), weights(averaged, 1), weights(tmp_path, 1)
    expected['decode_head.conv_seg.bias'][:5] += before['decode_head.conv_seg.bias']
    assert all(torch.equal(value, found[name]) for name, value in expected.items())


def spoiling(iteration: int) -> type[Hook]:
    """A hook that spoils a weight after an iteration whose loss was fine."""

    class Spoil(Hook):
        priority = 'VERY_HIGH'

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            if runner.iter + 1 == iteration:
                runner.model.decode_head.conv_seg[0].bias.data[1] = float('nan')

    return Spoil


@pytest.mark.parametrize('iteration', [ITERS, ITERS - 2], ids=['last', 'before a checkpoint'])
def test_weights_that_are_not_finite_are_never_saved(shapes, tmp_path, iteration) -> None:
    HOOKS.register_module(name='Spoil', module=spoiling(iteration))
    try:
        sequence = tiny_sequence(shapes, tmp_path, custom_hooks=[dict(type='Spoil')])
        with pytest.raises(
            CheckpointError, match=r'step 0: the weights decode_head\.conv_seg\.bias are not finite'
        ):
            run_sequence(sequence)
    finally:
        HOOKS.module_dict.pop('Spoil')
    assert not (tmp_path / 'step_0.pth').exists()
    kept = sorted(path.name for path in (tmp_path / 'step_0').glob('iter_*.pth'))
    assert kept
    for name in kept:
        content = load_checkpoint(tmp_path / 'step_0' / name, training_state=True)
        assert all(torch.isfinite(value).all() for value in content['state_dict'].values())


# --- a checkpoint that does not fit -------------------------------------------------------------


def without(state: dict, name: str) -> dict:
    return {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(
    'change',
    [
        lambda state: without(state, 'backbone.ffm.conv1.conv.weight'),
        lambda state: without(state, 'decode_head.conv_seg.bias'),
        lambda state: {**state, 'decode_head.more.weight': torch.ones(1)},
        lambda state: {**state, 'decode_head.conv_seg.bias': torch.ones(9)},
    ],
    ids=['part', 'classifier', 'surplus', 'shape'],
)
def test_no_picture_and_no_number_comes_of_weights_that_do_not_fit(
    shapes, finished, change
) -> None:
    path = finished / 'step_1.pth'
    content = load_checkpoint(path)
    content['state_dict'] = change(content['state_dict'])
    torch.save(content, path)
    shutil.rmtree(finished / 'pictures')
    sequence = tiny_sequence(shapes, finished)
    results = SequenceResults.load(finished / 'results.json')
    with pytest.raises(CheckpointError, match=r'step_1\.pth: does not fit the model'):
        draw_sequence(sequence, results)
    assert not (finished / 'pictures' / 'predictions.png').exists()
    with pytest.raises(CheckpointError, match=r'step_1\.pth: does not fit the model'):
        evaluate_step(sequence.step(1), path)


def test_step_that_stock_mmseg_could_not_load_is_refused_before_training(
    shapes, tmp_path, monkeypatch
) -> None:
    def refuse(step):
        raise InputError(f'stock mmseg could not load step {step.index}')

    monkeypatch.setattr('mmseg_incremental.engine.prepare_run.check_plain', refuse)
    with pytest.raises(InputError, match='could not load step 2'):
        run_sequence(tiny_sequence(shapes, tmp_path / 'work'))
    assert not (tmp_path / 'work').exists()
