"""Many runs of one kind: all checked first, step 0 trained once, the finished ones kept."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from ..errors import InputError
from ..evaluation import SequenceResults
from ..sequence.backbone_weights import check_backbone_weights
from ..sequence.picture_lists import PictureLists
from ..sequence.work_dir import WorkDir
from ..utils.table import Column, Table
from .job import Job, Place
from .jobs import run_jobs
from .progress import SweepProgress
from .run import PlannedRun, Run, option_text, plan_run
from .this_machine import ThisMachine

#: The module that is the command ``mmseg-incremental``.
COMMANDS = 'mmseg_incremental.commands'


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
    known_lists: dict[str, PictureLists] = {}
    return [plan_run(run, root, known_lists) for run in runs]


def check_weights(planned: Sequence[PlannedRun]) -> None:
    """Refuse to start runs whose backbone weights are missing, damaged or of another network.

    Args:
        planned: The runs.

    Raises:
        InputError: If a step 0 that has not been trained yet starts from such a file.
    """
    untrained = [item.sequence for item in planned if not item.plans[0].done]
    # one of each kind, since building a network takes a second
    for sequence in {repr((s.cfg.backbone_weights, s.cfg.model)): s for s in untrained}.values():
        check_backbone_weights(sequence)


def note_missing_weights(planned: Sequence[PlannedRun]) -> None:
    """Say in a dry run what :func:`check_weights` would refuse."""
    try:
        check_weights(planned)
    except InputError as error:
        print(f'note: {error}')


def plan_jobs(planned: Sequence[PlannedRun], root: Path, base: Path | None = None) -> list[Job]:
    """What has to be trained for the runs that are not finished.

    Step 0 is looked for, by its fingerprint, in ``root``; one that several runs share and nobody
    has becomes a job of its own, which they wait for.

    Args:
        planned: The runs.
        root: Folder of all runs.
        base: Work dir whose step 0 all runs of several steps take instead.

    Returns:
        The jobs; those that wait for another come last.
    """
    unfinished = [item for item in planned if not item.finished]
    bases = find_bases(unfinished, root)
    shared = [] if base else _shared_steps(unfinished, bases)
    first = {_key(item): _base_job(item, root) for item in shared}
    jobs = list(first.values())
    for item in unfinished:
        before = first.get(_key(item)) if _needs_base(item) else None
        found = before.work_dir.path if before else base or bases.get(_key(item))
        jobs.append(_job(item, found, before.name if before else None))
    # one that waits would hold a place that another can use
    return sorted(jobs, key=lambda job: job.after is not None)


def jobs_table(planned: Sequence[PlannedRun], jobs: Sequence[Job]) -> Table:
    """What will be run: a row per run, and per step 0 that several of them share."""
    left = {job.name: ', '.join(map(str, job.iters.values())) or '0' for job in jobs}
    names = [item.run.name for item in planned]
    rows = [
        [job.name, 1, left[job.name], 'shared by several runs']
        for job in jobs
        if job.name not in names
    ]
    for item in planned:
        done = sum(plan.done for plan in item.plans)
        state = 'finished' if item.finished else f'{done} of {len(item.plans)} steps done'
        rows.append([item.run.name, len(item.plans), left.get(item.run.name, '0'), state])
    columns = [
        Column('run', 'left'),
        Column('steps'),
        Column('iterations left', 'left'),
        Column('state', 'left'),
    ]
    return Table('runs', columns, [rows], [f'{iterations_left(jobs)} iterations are left'])


def iterations_left(jobs: Sequence[Job]) -> int:
    """Iterations that the jobs still need."""
    return sum(sum(job.iters.values()) for job in jobs)


def run_sweep(
    planned: Sequence[PlannedRun],
    jobs: Sequence[Job],
    console: Console,
    at_once: int = 1,
    place: Place | None = None,
) -> dict[str, str]:
    """Train what is not finished yet.

    Args:
        planned: The runs.
        jobs: What :func:`plan_jobs` gives for them.
        console: Where to tell how far it is.
        at_once: Trainings at a time.
        place: Where they run. Defaults to this machine.

    Returns:
        Name of a run to what went wrong, of those that failed.
    """
    with SweepProgress(console, iterations_left(jobs)) as progress:
        failures = run_jobs(jobs, at_once, place or ThisMachine(), progress)
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
    for work_dir in map(WorkDir, sorted(root.glob('*'))):
        if not (work_dir.results.is_file() and work_dir.checkpoint(0).is_file()):
            continue
        first = SequenceResults.load(work_dir.results).steps.get(0, {})
        if first.get('fingerprint') in wanted:
            found[first['fingerprint']] = work_dir.path
    return found


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


def _base_job(item: PlannedRun, root: Path) -> Job:
    first = item.plans[0]
    name = f'step-0_{item.method}_{first.fingerprint[:8]}'.replace(' ', '-')
    work_dir = WorkDir(root / name)
    command = _command(item.run, work_dir)
    return Job(name, [*command, '--steps', '0'], work_dir, {0: first.iters})


def _job(item: PlannedRun, base: Path | None, after: str | None) -> Job:
    command = _command(item.run, item.work_dir)
    takes = base is not None and _needs_base(item)
    if takes:
        command += ['--base', str(base)]
    iters = {p.step: p.iters for p in item.plans if not p.done and not (takes and p.step == 0)}
    return Job(item.run.name, command, item.work_dir, iters, after)


def _command(run: Run, work_dir: WorkDir) -> list[str]:
    options = [f'{key}={option_text(value)}' for key, value in run.all_options.items()]
    start = [sys.executable, '-m', COMMANDS, 'train', run.config, '--work-dir', str(work_dir.path)]
    return [*start, '--resume', '--cfg-options', *options]
