"""A sequence small enough for tests: rendered shapes, R18, a few iterations per step."""

import importlib
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import torch

from mmseg_incremental.apis import Sequence, load_sequence
from mmseg_incremental.sequence import WorkDir, load_checkpoint

ROOT = Path(__file__).parent.parent
ITERS = 6
OPTIONS = {
    'batch_size': 4,
    'crop_size': (32, 32),
    'step_schedule.first.iters': ITERS,
    'step_schedule.later.iters': ITERS,
    'default_hooks.checkpoint.interval': 2,
}


def leaf(method: str = 'mib') -> str:
    return str(ROOT / 'configs' / f'bisenet_r18_shapes_4-1_{method}.py')


def tiny_sequence(
    shapes: Path, work_dir: Path, method: str = 'mib', /, **changes: object
) -> Sequence:
    """The tiny sequence; a method without a leaf of its own is chosen by name."""
    options = {'data_root': str(shapes), **OPTIONS, **changes}
    path = leaf(method)
    if not Path(path).is_file():
        path, options = leaf(), {'method': method, **options}
    return load_sequence(path, options, str(work_dir))


def run_tool(
    name: str, *args: object, processes: int = 0, **env: str
) -> subprocess.CompletedProcess:
    """Run a tool as a user would; with processes, under torchrun."""
    command = [sys.executable]
    if processes:
        command += ['-m', 'torch.distributed.run', '--nproc_per_node', str(processes)]
        command += ['--master_port', str(29600 + os.getpid() % 300)]
    command += [str(ROOT / 'tools' / f'{name}.py'), *map(str, args)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        check=False,
    )


def command_main(name: str) -> Callable[[list], None]:
    """``main`` of a command in this process, where one of its own would prove no more."""
    module = importlib.import_module(f'mmseg_incremental.commands.{name}')
    return lambda arguments: module.main([str(argument) for argument in arguments])


def cfg_options(data_root: Path, **changes: object) -> list[str]:
    """The tiny sequence as ``--cfg-options``."""
    values = {'data_root': data_root, **OPTIONS, **changes}
    texts = {
        key: ','.join(map(str, v)) if isinstance(v, tuple) else str(v) for key, v in values.items()
    }
    return ['--cfg-options', *(f'{key}={text}' for key, text in texts.items())]


def weights(work_dir: Path, step: int) -> dict[str, torch.Tensor]:
    """Weights of a finished step."""
    return load_checkpoint(WorkDir(work_dir).checkpoint(step))['state_dict']


def assert_same_weights(one: Path, other: Path, steps: int = 3) -> None:
    """Compare the first steps of two work dirs, to the last bit."""
    for step in range(steps):
        first, second = weights(one, step), weights(other, step)
        assert first.keys() == second.keys()
        different = [key for key in first if not torch.equal(first[key], second[key])]
        assert not different, f'step {step}: {different}'


def measured(work_dir: Path) -> dict:
    """Results of a work dir without what no two runs share: seconds and memory."""
    content = json.loads((work_dir / 'results.json').read_text())
    del content['sha256']
    for result in content['steps'].values():
        del result['cost']
    return content


def run_until_killed(
    data_root: Path,
    work_dir: Path,
    step: int,
    iteration: int,
    config: str | None = None,
    resume: bool = False,
    **changes: object,
) -> None:
    """Run the tiny sequence in a process that kills itself with SIGKILL.

    Args:
        data_root: Folder of the data.
        work_dir: Folder of the sequence.
        step: The step inside which it dies.
        iteration: The iteration after which it dies, counted from 1.
        config: A leaf in place of the tiny sequence's.
        resume: Whether it goes on with what is there.
        **changes: More options, which ``repr`` can write down.
    """
    options = {'data_root': str(data_root), **OPTIONS, **changes}
    code = f"""
        import os, signal
        from mmseg_incremental.apis import RunOptions, load_sequence, run_sequence
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
        sequence = load_sequence({config or leaf()!r}, {options!r}, {str(work_dir)!r})
        run_sequence(sequence, RunOptions(resume={resume}))
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
