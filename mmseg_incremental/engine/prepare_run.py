"""What comes before the first training: the plan, checked, and the work dir, locked."""

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from mmengine.dist import broadcast_object_list, is_main_process

from ..errors import InputError
from ..evaluation import SequenceResults, joint_reference
from ..sequence.backbone_weights import check_backbone_weights
from ..sequence.plain_config import check_plain
from ..sequence.plan import plan_sequence
from ..sequence.rehearsal import rehearse_step
from ..sequence.sequence import Sequence
from ..sequence.step_plan import RunOptions, StepPlan
from ..sequence.work_dir import WorkDir
from ..utils.files import lock_folder
from .say import say
from .step_runner import world_size


def prepare_run(sequence: Sequence, options: RunOptions, lock: ExitStack) -> list[StepPlan]:
    """Plan a run on the main process, and lock its work dir.

    Args:
        sequence: The sequence.
        options: What is to be done.
        lock: Takes the lock of the work dir, which lasts until it is closed.

    Returns:
        The plan of each step, the same in every process.

    Raises:
        InputError: If anything cannot be used, in every process.
    """
    plans, problem = [], None
    if is_main_process():
        try:
            before = _state_of(sequence)
            plans = plan_sequence(sequence, options, world_size())
            if options.joint:
                joint_reference(WorkDir.of(options.joint).results, sequence.description)
            _check_start(sequence, plans)
            _make_work_dir(sequence.work_dir.path)
            lock.enter_context(lock_folder(sequence.work_dir.path))
            if _state_of(sequence) != before:
                raise InputError(
                    f'{sequence.work_dir.path} was changed by another process meanwhile; run again'
                )
            sequence.work_dir.remove_leftovers()
            for step in {*options.overwrite, *options.restart}:
                _remove_step(sequence, step)
        except InputError as error:
            problem = error
    answer = [plans, None if problem is None else str(problem)]
    broadcast_object_list(answer)
    if problem is not None:
        raise problem
    if answer[1] is not None:
        raise InputError(answer[1])
    return answer[0]


def _check_start(sequence: Sequence, plans: list[StepPlan]) -> None:
    """Find out before the first training what would fail at its start or after its end."""
    first = plans[0]
    starts_anew = first.step == 0 and not (first.done or first.taken_from)
    if starts_anew and (note := check_backbone_weights(sequence)):
        say(f'note: {note}')
    if untrained := [plan.step for plan in plans if not plan.done]:
        check_plain(sequence.step(untrained[-1]))
    learnt = [plan for plan in plans if not (plan.done or plan.taken_from)]
    # the steps between are made of the same parts
    for plan in {plan.step: plan for plan in (*learnt[:1], *learnt[-1:])}.values():
        rehearse_step(sequence.step(plan.step), plan.iters)


def _remove_step(sequence: Sequence, step: int) -> None:
    """Remove a step that is trained again, so that an interruption is like any other."""
    sequence.work_dir.checkpoint(step).unlink(missing_ok=True)
    sequence.work_dir.remove_training_checkpoints(step)
    results = sequence.work_dir.results
    if results.is_file():
        kept = SequenceResults.load(results)
        kept.steps.pop(step, None)
        kept.save(results)


def _state_of(sequence: Sequence) -> dict[str, int]:
    """What a plan is made from: the checkpoints and results of a work dir."""
    work_dir, steps = sequence.work_dir, range(sequence.num_steps)
    begun = [path for step in steps for path in work_dir.training_checkpoints(step)]
    files = [*work_dir.checkpoints().values(), *begun, work_dir.results]
    return {str(file): file.stat().st_mtime_ns for file in files if file.is_file()}


def _make_work_dir(path: Path) -> None:
    try:
        os.makedirs(path, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path, prefix='.writable-'):
            pass
    except (OSError, ValueError) as error:  # a path with a NUL is the latter
        reason = getattr(error, 'strerror', None) or error
        raise InputError(
            f'{path}: work dir cannot be written ({reason}); choose another --work-dir'
        ) from error
