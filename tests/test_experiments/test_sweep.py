"""The sweep: what it plans, and whole runs of the real command."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny import OPTIONS, ROOT, cfg_options, command_main, leaf, run_tool

from mmseg_incremental.engine.progress_file import read_progress
from mmseg_incremental.errors import InputError
from mmseg_incremental.experiments.arguments import add_run_arguments
from mmseg_incremental.experiments.grid import grid_runs
from mmseg_incremental.experiments.run import Run, option_text
from mmseg_incremental.experiments.sweep import (
    check_weights,
    find_bases,
    iterations_left,
    plan_jobs,
    plan_runs,
)
from mmseg_incremental.sequence.work_dir import WorkDir

ITERS = OPTIONS['step_schedule.first.iters']
RATE = 'step_schedule.later.lr'


def tiny_runs(shapes: Path, grid: dict, seeds=(0,), method='mib') -> list[Run]:
    return grid_runs(leaf(method), grid, seeds, {'data_root': str(shapes), **OPTIONS})


def test_grid_is_every_combination_with_every_seed():
    runs = grid_runs('a/mib.py', {'x.y': [1, 2], 'z': ['p', (3, 4)]}, seeds=[0, 7])
    assert [(run.options['x.y'], run.options['z'], run.seed) for run in runs] == [
        (1, 'p', 0), (1, 'p', 7), (1, (3, 4), 0), (1, (3, 4), 7),
        (2, 'p', 0), (2, 'p', 7), (2, (3, 4), 0), (2, (3, 4), 7),
    ]  # fmt: skip
    assert len({run.name for run in runs}) == 8
    assert {run.label for run in runs} == {'x.y=1, z=p', 'x.y=1, z=(3,4)', 'x.y=2, z=p', 'x.y=2, z=(3,4)'}  # noqa: E501  # fmt: skip
    assert all('/' not in run.name and '(' not in run.name for run in runs)


def test_orders_keep_the_sizes_of_steps_and_differ(shapes, tmp_path):
    runs = grid_runs(leaf(), {}, [0, 1], {'data_root': str(shapes)}, orders=3)
    assert [(run.order, run.seed) for run in runs] == [(o, s) for o in range(3) for s in (0, 1)]
    assert len({run.name for run in runs}) == 6
    assert {run.label for run in runs} == {Path(leaf()).stem}
    groups = [run.load(tmp_path).task.groups for run in runs[::2]]
    assert groups[0] == ((1, 2, 3, 4), (5,), (6,))
    assert len(set(groups)) == 3
    for found in groups:
        assert [len(group) for group in found] == [4, 1, 1]
        assert sorted(label for group in found for label in group) == [1, 2, 3, 4, 5, 6]
    assert runs[2].load(tmp_path).task.groups == groups[1], 'the number alone decides'


def test_option_text_is_read_back_by_cfg_options():
    from mmengine.config import DictAction

    for value in (3, 0.5, 'mib', None, True, (3, 4), [1, 2], [[1, 2], [3]]):
        assert DictAction._parse_iterable(option_text(value)) == value


def test_run_twice_is_refused(shapes, tmp_path):
    with pytest.raises(InputError, match=r'asked for twice: .*seed=0'):
        plan_runs(tiny_runs(shapes, {}, seeds=[0, 0]), tmp_path)


def test_bad_option_is_refused_before_anything_runs(shapes, tmp_path):
    with pytest.raises(InputError, match='batch_size must be'):
        plan_runs(tiny_runs(shapes, {'batch_size': [4, -1]}), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_missing_weights_are_refused(shapes, tmp_path):
    runs = tiny_runs(shapes, {'backbone_weights': [str(tmp_path / 'none.pth')]})
    with pytest.raises(InputError, match=r'none\.pth not found'):
        check_weights(plan_runs(runs, tmp_path))
    check_weights(plan_runs(tiny_runs(shapes, {}), tmp_path))


def test_methods_share_step_0_and_seeds_do_not(shapes, tmp_path):
    common = {'data_root': str(shapes), **OPTIONS}
    methods = ('ft', 'lwf', 'ilt', 'mib', 'fuce')
    runs = [
        Run(leaf(), {'method': method}, seed, method, common)
        for method in methods
        for seed in (0, 1)
    ]
    planned = plan_runs(runs, tmp_path)
    first = {(p.run.label, p.run.seed): p.plans[0].fingerprint for p in planned}
    assert len({first[method, 0] for method in methods}) == 1
    assert len({first[method, 1] for method in methods}) == 1
    assert first['ft', 0] != first['ft', 1]
    later = {p.plans[1].fingerprint for p in planned}
    assert len(later) == len(runs)
    # two steps 0, and two later steps of every run
    jobs = plan_jobs(planned, tmp_path)
    assert iterations_left(jobs) == 2 * ITERS + len(runs) * 2 * ITERS
    assert [job.after is None for job in jobs] == [True] * 2 + [False] * len(runs)
    for job in jobs[2:]:
        base = next(first for first in jobs[:2] if first.name == job.after)
        assert job.command[-2:] == ['--base', str(base.work_dir.path)]
        assert list(job.iters) == [1, 2]


def test_base_named_by_hand_is_taken_by_all(shapes, tmp_path):
    planned = plan_runs(tiny_runs(shapes, {RATE: [0.1, 0.2]}), tmp_path)
    jobs = plan_jobs(planned, tmp_path, base=Path('given'))
    assert [job.command[-2:] for job in jobs] == [['--base', 'given']] * 2
    assert iterations_left(jobs) == 2 * 2 * ITERS


def test_single_run_trains_its_own_step_0(shapes, tmp_path):
    jobs = plan_jobs(plan_runs(tiny_runs(shapes, {}), tmp_path), tmp_path)
    assert len(jobs) == 1
    assert list(jobs[0].iters) == [0, 1, 2]
    assert '--base' not in jobs[0].command


@pytest.fixture(scope='module')
def swept(shapes, tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess]:
    """A sweep of two runs that share step 0; one fails."""
    root = tmp_path_factory.mktemp('sweep') / 'lr'
    done = run_tool('sweep', *sweep_arguments(shapes, root))
    return root, done


def sweep_arguments(shapes: Path, root: Path) -> list:
    grid = ['--grid', f'{RATE}=0.01,1e30']
    return [leaf(), '--work-dir', root, *grid, *cfg_options(shapes)]


def run_dir(root: Path, rate: str) -> Path:
    return root / f'bisenet_r18_shapes_4-1_mib_{RATE}={rate}_seed=0'


def test_failing_run_is_reported_and_the_other_kept(swept):
    root, done = swept
    assert done.returncode == 1
    assert '1 of 2 runs failed' in done.stderr
    good, bad = run_dir(root, '0.01'), run_dir(root, '1e+30')
    assert (good / 'step_2.pth').is_file()
    assert not (bad / 'step_1.pth').exists()
    text = (root / 'summary.txt').read_text()
    assert 'the loss is not finite' in text
    assert str(bad / 'train.log') in text
    value = json.loads((good / 'results.json').read_text())['steps']['2']['mIoU']['all']
    assert f'{value:.2f}' in text
    assert (root / 'summary.md').read_text().startswith('# bisenet_r18_shapes_4-1_mib')
    assert (root / 'summary.png').stat().st_size > 5_000
    header, row = (root / 'summary.csv').read_text().splitlines()[:2]
    cells = dict(zip(header.split(','), row.split(','), strict=True))
    assert float(cells['all mean']) == value
    assert cells['all number'] == '1'


def test_every_training_tells_its_end(swept):
    root, _ = swept
    good, bad = (read_progress(WorkDir(run_dir(root, r)).progress) for r in ('0.01', '1e+30'))
    assert (good.state, good.step, good.iteration) == ('done', 2, ITERS)
    assert (bad.state, bad.step, bad.iterations) == ('failed', 1, ITERS)


def test_step_0_is_trained_once(swept):
    root, done = swept
    bases = [path for path in root.iterdir() if path.name.startswith('step-0_MiB_')]
    assert len(bases) == 1
    log = (run_dir(root, '0.01') / 'train.log').read_text()
    assert f'step 0: taken from {bases[0]}/step_0.pth' in log
    assert 'step 0: learning' not in log
    assert done.stdout.count('begun: step-0') == 1


@pytest.mark.slow
def test_finished_runs_are_not_run_again(shapes, swept):
    root, _ = swept
    before = (run_dir(root, '0.01') / 'step_2.pth').stat().st_mtime_ns
    done = run_tool('sweep', *sweep_arguments(shapes, root))
    assert done.returncode == 1
    assert (run_dir(root, '0.01') / 'step_2.pth').stat().st_mtime_ns == before
    begun = [line for line in done.stdout.splitlines() if line.startswith('begun')]
    assert len(begun) == 1
    assert '1e+30' in begun[0]


def test_other_settings_in_the_same_folder_are_refused(shapes, swept):
    root, _ = swept
    changed = [*sweep_arguments(shapes, root), 'step_schedule.first.lr=0.5']
    with pytest.raises(SystemExit, match='was trained with other settings or data'):
        command_main('sweep')(changed)


def test_finished_step_0_is_found_by_its_fingerprint(shapes, swept):
    root, _ = swept
    other = plan_runs(tiny_runs(shapes, {}, method='ft'), root)
    found = find_bases(other, root)
    assert list(found) == [other[0].plans[0].fingerprint]
    assert find_bases(plan_runs(tiny_runs(shapes, {}, seeds=[5], method='ft'), root), root) == {}


def test_dry_run_lists_and_stops(shapes, tmp_path, capsys):
    arguments = [leaf(), '--work-dir', tmp_path / 's', '--dry-run', '--seeds', 0, 1]
    command_main('sweep')([*arguments, *cfg_options(shapes)])
    assert f'{2 * 3 * ITERS} iterations are left' in ' '.join(capsys.readouterr().out.split())
    assert not (tmp_path / 's').exists()


@pytest.mark.parametrize('grid', ['lr', 'lr=', '=1'])
def test_malformed_grid_is_told(grid):
    with pytest.raises(SystemExit, match=f'--grid {grid}: expected KEY=V1,V2'):
        command_main('sweep')([leaf(), '--grid', grid])


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--jobs', '0'], 'must be a positive whole number'),
        (['--device', 'tpu'], 'must be cpu, cuda or cuda:N'),
    ],
)
def test_bad_arguments_are_told(arguments, message, capsys):
    parser = argparse.ArgumentParser()
    add_run_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(arguments)
    assert message in capsys.readouterr().err


def test_gpu_that_is_not_there_is_told(shapes, tmp_path):
    arguments = [leaf(), '--work-dir', tmp_path / 's', '--dry-run', '--device', 'cuda:99']
    with pytest.raises(SystemExit, match='cuda:99 is not there'):
        command_main('sweep')([*arguments, *cfg_options(shapes)])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != 'linux', reason='the death signal is of Linux')
def test_killed_sweep_takes_its_trainings_along(shapes, tmp_path):
    root = tmp_path / 'killed'
    command = [sys.executable, str(ROOT / 'tools' / 'sweep.py'), leaf(), '--work-dir', str(root),
               *cfg_options(shapes, **{'step_schedule.first.iters': 5000})]  # fmt: skip
    work_dir = WorkDir(root / 'bisenet_r18_shapes_4-1_mib_seed=0')
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          env={**os.environ, 'OMP_NUM_THREADS': '1'}) as sweep:  # fmt: skip
        deadline = time.monotonic() + 120
        while not ((found := read_progress(work_dir.progress)) and found.iteration):
            assert time.monotonic() < deadline
            time.sleep(0.5)
        children = Path(f'/proc/{sweep.pid}/task')
        pids = [int(pid) for task in children.iterdir()
                for pid in (task / 'children').read_text().split()]  # fmt: skip
        assert pids
        sweep.send_signal(signal.SIGKILL)
        sweep.wait()
    deadline = time.monotonic() + 30
    while any(_alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _alive(pid: int) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().split(') ')[1][0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False
