"""Whole runs of the real command."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from tiny import ITERS, OPTIONS, ROOT, cfg_options, leaf, run_tool

from mmseg_incremental.apis import load_config, run_sequence
from mmseg_incremental.engine import CheckpointError, NonFiniteLossError, load_checkpoint
from mmseg_incremental.errors import InputError


def tiny_config(shapes: Path, work_dir: Path, method: str = 'mib', **changes: object):
    return load_config(
        leaf(method), {'data_root': str(shapes), **OPTIONS, **changes}, str(work_dir)
    )


def weights(work_dir: Path, step: int) -> dict:
    return load_checkpoint(work_dir / f'step_{step}.pth')['state_dict']


def assert_same_weights(one: Path, other: Path, steps: int = 3) -> None:
    for step in range(steps):
        first, second = weights(one, step), weights(other, step)
        assert first.keys() == second.keys()
        different = [key for key in first if not torch.equal(first[key], second[key])]
        assert not different, f'step {step}: {different}'


def run_until_killed(shapes: Path, work_dir: Path, step: int, iteration: int) -> None:
    """Run the sequence in a process that kills itself with SIGKILL."""
    code = f"""
        import os, signal
        from mmseg_incremental.apis import load_config, run_sequence
        from mmseg_incremental.engine import IncrementalLoop
        import torch
        torch.set_num_threads(1)

        class Killer(IncrementalLoop):
            def after_train_iter(self, runner, *args, **kwargs):
                super().after_train_iter(runner, *args, **kwargs)
                if self.step == {step} and runner.iter + 1 == {iteration}:
                    os.kill(os.getpid(), signal.SIGKILL)

        from mmseg.registry import HOOKS
        HOOKS.register_module(name='IncrementalLoop', module=Killer, force=True)
        options = {{'data_root': {str(shapes)!r}, **{OPTIONS!r}}}
        run_sequence(load_config({leaf()!r}, options, {str(work_dir)!r}))
    """
    done = subprocess.run(
        [sys.executable, '-c', textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


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
    assert results['forgetting']['mIoU']['1-4'] == max(column[:2]) - column[2]
    assert results['average']['mIoU']['1-4'] == pytest.approx(sum(column) / 3)
    assert results['steps']['0']['mIoU'].keys() == {'1-4', 'all'}
    out = (trained / 'stdout.txt').read_text()
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

    import mmcv
    from mmengine.dataset import Compose, pseudo_collate
    from mmseg.registry import MODELS

    from mmseg_incremental.engine import step_config

    cfg = tiny_config(shapes, trained)
    model = MODELS.build(step_config(cfg, 1).model).eval()
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
    same = json.loads((work_dir / 'results.json').read_text())
    assert same == json.loads((trained / 'results.json').read_text())


def test_run_killed_before_its_first_checkpoint_starts_anew(shapes, trained, tmp_path) -> None:
    run_until_killed(shapes, tmp_path, step=0, iteration=1)
    run_sequence(tiny_config(shapes, tmp_path), steps=[0], resume=True)
    assert_same_weights(trained, tmp_path, steps=1)


def test_steps_one_by_one_are_the_whole_sequence(shapes, trained, tmp_path) -> None:
    for step in range(3):
        run_sequence(tiny_config(shapes, tmp_path), steps=[step])
    assert_same_weights(trained, tmp_path)


def test_two_processes(shapes: Path, trained: Path, tmp_path: Path) -> None:
    options = cfg_options(shapes, batch_size=2)
    done = run_tool('train', leaf(), '--work-dir', tmp_path / 'two', '--launcher', 'pytorch',
                    *options, processes=2)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count('wrote') == 3
    alone = run_tool('test', leaf(), tmp_path / 'two', *options)
    assert 'to the last digit' in alone.stdout, alone.stdout + alone.stderr
    both = run_tool('test', leaf(), trained, '--launcher', 'pytorch', *options, processes=2)
    assert 'to the last digit' in both.stdout, both.stdout + both.stderr


@pytest.mark.parametrize('method', ['ft', 'lwf', 'ilt', 'fuce'])
def test_other_methods_run(shapes: Path, trained: Path, tmp_path: Path, method: str) -> None:
    cfg = tiny_config(shapes, tmp_path, method)
    results = run_sequence(cfg, steps=[0, 1])
    assert set(results.steps) == {0, 1}
    ours, mib = weights(tmp_path, 1), weights(trained, 1)
    key = 'decode_head.conv_seg.weight'
    assert not torch.equal(ours[key], mib[key])


def test_joint_learns_all_at_once(shapes: Path, tmp_path: Path) -> None:
    config = str(ROOT / 'configs' / 'bisenet_r18_shapes_offline.py')
    cfg = load_config(config, {'data_root': str(shapes), **OPTIONS}, str(tmp_path))
    results = run_sequence(cfg)
    assert list(results.steps[0]['mIoU']) == ['1-4', '5-6', 'all']


def test_another_sequence_is_refused(shapes: Path, trained: Path) -> None:
    refused = run_tool('train', leaf('ft'), '--work-dir', trained, '--resume', *cfg_options(shapes))
    assert refused.returncode == 1
    lines = [line for line in refused.stderr.splitlines() if line.startswith('error')]
    assert len(lines) == 1
    assert 'another method' in lines[0]
    order = {'task.class_order': [6, 5, 4, 3, 2, 1]}
    with pytest.raises(InputError, match=r'another groups .*choose another --work-dir'):
        run_sequence(tiny_config(shapes, trained, **order), resume=True)
    with pytest.raises(InputError, match='another setting'):
        run_sequence(tiny_config(shapes, trained, setting='disjoint'), resume=True)


def test_missing_predecessor_is_refused(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r'step 2 needs .*step_1.pth, which is missing; run step 1'
    ):
        run_sequence(tiny_config(shapes, tmp_path), steps=[2])


def test_damaged_and_foreign_predecessors_are_refused(shapes, trained, tmp_path) -> None:
    target = tmp_path / 'step_0.pth'
    target.write_bytes((trained / 'step_0.pth').read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match='damaged'):
        run_sequence(tiny_config(shapes, tmp_path), steps=[1])
    target.write_bytes((trained / 'step_0.pth').read_bytes())
    order = {'task.class_order': [6, 5, 4, 3, 2, 1]}
    with pytest.raises(CheckpointError, match='another task'):
        run_sequence(tiny_config(shapes, tmp_path, **order), steps=[1])
    assert not (tmp_path / 'step_1.pth').exists()


def test_unwritable_work_dir_is_refused(shapes: Path, tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match='work dir cannot be written'):
        run_sequence(tiny_config(shapes, tmp_path / 'file' / 'work_dir'))


def test_missing_backbone_weights_are_refused(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'nowhere.pth not found: .*download_weights'):
        run_sequence(tiny_config(shapes, tmp_path, backbone_weights='nowhere.pth'))


def test_nan_loss_stops_with_names(shapes: Path, tmp_path: Path) -> None:
    cfg = tiny_config(shapes, tmp_path, **{'step_schedule.later.lr': 1e30})
    with pytest.raises(NonFiniteLossError) as caught:
        run_sequence(cfg)
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
    assert 'prepare_voc.py' in done.stderr
    assert 'Traceback' not in done.stderr
