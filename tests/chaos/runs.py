"""A sequence of a second or two, run in processes of its own."""

from pathlib import Path

import torch
from chaos.session import DONE, start, wait
from tiny import measured, tiny_sequence

from mmseg_incremental.apis import RunOptions, run_sequence
from mmseg_incremental.sequence import Sequence, WorkDir, load_checkpoint

STEPS = (0, 1)
QUICK = {
    'batch_size': 2,
    'step_schedule.first.iters': 4,
    'step_schedule.later.iters': 4,
    'default_hooks.checkpoint.interval': 1,
}
#: What may be in a work dir once its steps are done, beside logs.
FILES = {
    '.lock', 'step_0', 'step_1', 'step_0.pth', 'step_1.pth', 'step_0.py', 'step_1.py',
    'results.json', 'progress.json', 'pictures', 'commands.txt', 'report.html',
    'evaluation_0.json', 'evaluation_1.json',
}  # fmt: skip


def quick_sequence(data: Path, work_dir: Path, **changes: object) -> Sequence:
    """The sequence."""
    return tiny_sequence(data, work_dir, **{**QUICK, **changes})


def start_run(data: Path, work_dir: Path, launcher: str = 'none', **changes: object) -> int:
    """Begin or go on with it in a process."""

    def run() -> None:
        sequence = quick_sequence(data, work_dir, **changes)
        run_sequence(sequence, RunOptions(STEPS, resume=True), launcher)

    work_dir.parent.mkdir(parents=True, exist_ok=True)
    return start(run, log_of(work_dir))


def log_of(work_dir: Path) -> Path:
    """What its processes print."""
    return work_dir.parent / f'{work_dir.name}.log'


def finish(data: Path, work_dir: Path, **changes: object) -> None:
    """Let it go on to its end.

    Raises:
        AssertionError: If it does not get there.
    """
    code = wait(start_run(data, work_dir, **changes))
    assert code == DONE, f'exit code {code}: {log_of(work_dir).read_text()[-1500:]!r}'


def assert_same(work_dir: Path, reference: Path) -> None:
    """Compare weights and results to the last bit, and look for what is left behind."""
    for step in STEPS:
        one, other = (
            load_checkpoint(WorkDir(path).checkpoint(step)) for path in (work_dir, reference)
        )
        assert one['state_dict'].keys() == other['state_dict'].keys()
        for name, value in one['state_dict'].items():
            assert torch.equal(value, other['state_dict'][name]), f'step {step}: {name}'
    assert measured(work_dir) == measured(reference), 'results differ'
    left = {path.name for path in work_dir.iterdir()} - FILES
    left |= {
        path.name
        for step in STEPS
        for path in WorkDir(work_dir).step_dir(step).rglob('*')
        if path.suffix == '.pth' or path.name.startswith(('.', 'last_'))
    }
    assert not left, f'left behind: {sorted(left)}'
