"""Many runs of one kind: all checked first, step 0 trained once, the finished ones kept."""

import itertools
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..engine.plan import check_backbone_weights
from ..errors import InputError
from ..evaluation import SequenceResults
from .jobs import Job, run_jobs
from .progress import SweepProgress
from .run import PlannedRun, Run, option_text, plan_run


def grid_runs(
    config: str,
    grid: Mapping[str, Sequence[object]],
    seeds: Sequence[int] = (0,),
    common: Mapping[str, object] | None = None,
) -> list[Run]:
    """Every combination of option values, with every seed.

    Args:
        config: Path of the config leaf.
        grid: Config entry, by dotted key, to the values that it takes.
        seeds: The seeds.
        common: Config entries that all runs share and that change no result.

    Returns:
        The runs, seeds side by side.

    Example:
        >>> runs = grid_runs('mib.py', {'lr': [0.1, 0.2]}, seeds=[0, 1])
        >>> [run.name for run in runs]
        ['mib_lr=0.1_seed=0', 'mib_lr=0.1_seed=1', 'mib_lr=0.2_seed=0', 'mib_lr=0.2_seed=1']
    """
    runs = []
    for values in itertools.product(*grid.values()):
        options = dict(zip(grid, values, strict=True))
        label = ', '.join(f'{key}={option_text(value)}' for key, value in options.items())
        label = label or Path(config).stem
        runs += [Run(config, options, seed, label, dict(common or {})) for seed in seeds]
    return runs


def plan_runs(runs: Sequence[Run], root: Path) -> list[PlannedRun]:
    """Check all runs before any is started.

    Args:
        runs: The runs.
        root: Folder of all runs.

    Returns:
        The runs and their plans.

    Raises:
        InputError: If two runs are the same, or one cannot be used; see :func:`plan_run`.
    """
    twice = [name for name, count in Counter(run.name for run in runs).items() if count > 1]
    if twice:
        raise InputError(f'asked for twice: {", ".join(twice)}')
    return [plan_run(run, root) for run in runs]


def check_weights(planned: Sequence[PlannedRun]) -> None:
    """Refuse to start runs whose backbone weights are missing or damaged.

    Args:
        planned: The runs.

    Raises:
        InputError: If a step 0 that has not been trained yet starts from such a file.
    """
    for path in {item.backbone_weights for item in planned if not item.plans[0].done}:
        if problem := check_backbone_weights(path):
            raise InputError(problem)


def runs_table(planned: Sequence[PlannedRun]) -> Table:
    """What will be run: a row per run with its state and number of iterations."""
    table = Table(title='runs')
    table.add_column('run', overflow='fold')
    table.add_column('steps', justify='right')
    table.add_column('iterations per step', justify='right')
    table.add_column('step 0')
    table.add_column('state')
    for item in planned:
        done = sum(plan.done for plan in item.plans)
        state = 'finished' if item.finished else f'{done} of {len(item.plans)} steps done'
        iters = ', '.join(str(plan.iters) for plan in item.plans)
        table.add_row(
            item.run.name, str(len(item.plans)), iters, item.plans[0].fingerprint[:8], state
        )
    table.caption = (
        'runs with the same code under "step 0" share it; in all '
        f'{iterations_left(planned)} iterations are left'
    )
    return table


def iterations_left(planned: Sequence[PlannedRun]) -> int:
    """Iterations that the runs still need, step 0 counted once where it is shared."""
    first = {item.plans[0].fingerprint: item.plans[0].iters for item in _without_step_0(planned)}
    later = [p.iters for item in planned for p in item.plans[1:] if not p.done]
    return sum(first.values()) + sum(later)


def run_sweep(
    planned: Sequence[PlannedRun],
    root: Path,
    train_script: Path,
    console: Console,
    at_once: int = 1,
    device: str | None = None,
    base: Path | None = None,
) -> dict[str, str]:
    """Train what is not finished yet.

    Args:
        planned: The runs.
        root: Folder of all runs.
        train_script: ``tools/train.py``.
        console: Where to tell how far it is.
        at_once: Trainings at a time.
        device: See :func:`~mmseg_incremental.experiments.jobs.run_jobs`.
        base: Work dir whose step 0 all runs of several steps take. By default step 0 is looked
            for, by its fingerprint, in ``root``, and trained once for the runs that share it.

    Returns:
        Name of a run to what went wrong, of those that failed.
    """
    unfinished = [item for item in planned if not item.finished]
    bases = find_bases(unfinished, root)
    shared = [] if base else _shared_steps(unfinished, bases)
    first = {item.plans[0].fingerprint: _base_job(item, root, train_script) for item in shared}
    waiting = [item for item in unfinished if _needs_base(item) and _key(item) in first]
    others = [item for item in unfinished if item not in waiting]

    def job(item: PlannedRun) -> Job:
        return _job(item, train_script, base or bases.get(_key(item)))

    total = iterations_left(unfinished) if base is None else _later_iterations(unfinished)
    with SweepProgress(console, total) as progress:
        start = [*first.values(), *map(job, others)]
        failures = run_jobs(start, at_once, device, progress)
        for item in waiting:
            if wrong := failures.get(first[_key(item)].name):
                failures[item.run.name] = f'its step 0 failed: {wrong}'
        bases = find_bases(unfinished, root)
        ready = [job(item) for item in waiting if item.run.name not in failures]
        failures.update(run_jobs(ready, at_once, device, progress))
    names = {item.run.name for item in planned}
    return {name: failure for name, failure in failures.items() if name in names}


def find_bases(planned: Sequence[PlannedRun], root: Path) -> dict[str, Path]:
    """Work dirs below ``root`` that hold a finished step 0, by its fingerprint.

    Args:
        planned: Runs that need one.
        root: Folder of all runs.
    """
    wanted = {item.plans[0].fingerprint for item in planned}
    found = {}
    for path in sorted(root.glob('*/results.json')):
        first = SequenceResults.load(path).steps.get(0, {})
        if first.get('fingerprint') in wanted and (path.parent / 'step_0.pth').is_file():
            found[first['fingerprint']] = path.parent
    return found


def _without_step_0(planned: Sequence[PlannedRun]) -> list[PlannedRun]:
    return [item for item in planned if not item.plans[0].done]


def _later_iterations(planned: Sequence[PlannedRun]) -> int:
    alone = [item.plans[0].iters for item in _without_step_0(planned) if len(item.plans) == 1]
    return sum(alone) + sum(p.iters for item in planned for p in item.plans[1:] if not p.done)


def _key(item: PlannedRun) -> str:
    return item.plans[0].fingerprint


def _needs_base(item: PlannedRun) -> bool:
    """Whether step 0 is not even begun, and something comes after it."""
    first = item.plans[0]
    return len(item.plans) > 1 and not first.done and not first.resume_from


def _shared_steps(unfinished: Sequence[PlannedRun], bases: Mapping[str, Path]) -> list[PlannedRun]:
    """One run for each step 0 that several runs need and nobody has."""
    need = [item for item in unfinished if _needs_base(item) and _key(item) not in bases]
    count = Counter(map(_key, need))
    first = {_key(item): item for item in reversed(need)}
    return [item for key, item in first.items() if count[key] > 1]


def _base_job(item: PlannedRun, root: Path, train_script: Path) -> Job:
    first = item.plans[0]
    name = f'step-0_{item.method}_{first.fingerprint[:8]}'.replace(' ', '-')
    command = _command(item.run, root / name, train_script)
    return Job(name, [*command, '--steps', '0'], root / name / 'train.log', {0: first.iters})


def _job(item: PlannedRun, train_script: Path, base: Path | None) -> Job:
    command = _command(item.run, item.work_dir, train_script)
    takes = base is not None and _needs_base(item)
    if takes:
        command += ['--base', str(base)]
    iters = {p.step: p.iters for p in item.plans if not p.done and not (takes and p.step == 0)}
    return Job(item.run.name, command, item.work_dir / 'train.log', iters)


def _command(run: Run, work_dir: Path, train_script: Path) -> list[str]:
    options = [f'{key}={option_text(value)}' for key, value in run.all_options.items()]
    start = [sys.executable, str(train_script), run.config, '--work-dir', str(work_dir)]
    return [*start, '--resume', '--cfg-options', *options]
