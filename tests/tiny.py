"""A sequence small enough for tests: rendered shapes, R18, a few iterations per step."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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


def tool_main(name: str) -> Callable[[list], None]:
    """``main`` of a tool in this process, where a whole process of its own would prove no more."""
    spec = importlib.util.spec_from_file_location(name, ROOT / 'tools' / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda arguments: module.main([str(argument) for argument in arguments])


def cfg_options(data_root: Path, **changes: object) -> list[str]:
    """The tiny sequence as ``--cfg-options``."""
    values = {'data_root': data_root, **OPTIONS, **changes}
    texts = {
        key: ','.join(map(str, v)) if isinstance(v, tuple) else str(v) for key, v in values.items()
    }
    return ['--cfg-options', *(f'{key}={text}' for key, text in texts.items())]
