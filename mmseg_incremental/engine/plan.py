"""What a run will do, checked as a whole before anything is trained."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from ..datasets import DataError
from ..errors import InputError
from ..evaluation import SequenceResults
from ..tasks import build_task
from .base_step import find_base, is_outdated, saved_fingerprint
from .checkpoint import (
    CheckpointError,
    load_checkpoint,
    load_step_checkpoint,
    newest_training_checkpoint,
)
from .config import describe_sequence
from .fingerprint import step_fingerprint
from .picture_lists import PictureLists, read_picture_lists
from .step_config import step_config
from .train_loop import training_iters


@dataclass(frozen=True)
class StepPlan:
    """What one step will do.

    Args:
        step: The step.
        new_classes: Names of the classes that it learns.
        num_images: Pictures that it trains on.
        num_test_images: Pictures that it is evaluated on.
        iters: Iterations.
        lr: Learning rate at its start.
        source: Where the weights come from.
        target: Checkpoint that it writes.
        done: Whether that checkpoint is there already.
        resume_from: Checkpoint inside the step to go on from.
        taken_from: Checkpoint of another sequence that is taken in place of training.
        fingerprint: What the weights depend on, see :func:`step_fingerprint`.
        outdated: Whether the finished checkpoint was trained with another fingerprint.
    """

    step: int
    new_classes: tuple[str, ...]
    num_images: int
    num_test_images: int
    iters: int
    lr: float
    source: str
    target: str
    done: bool
    resume_from: str | None
    taken_from: str | None
    fingerprint: str
    outdated: bool


def plan_sequence(
    cfg: Config,
    steps: Sequence[int] | None = None,
    resume: bool = False,
    world_size: int = 1,
    base: str | os.PathLike | None = None,
    known_lists: dict[str, PictureLists] | None = None,
) -> list[StepPlan]:
    """Check the data of all chosen steps and tell what each will do.

    Args:
        cfg: A checked config.
        steps: The steps to run. Defaults to all.
        resume: Whether steps that are done or begun may be there.
        world_size: Number of processes.
        base: Work dir of a sequence whose finished step 0 is taken in place of training it.
        known_lists: Lists of pictures read before, which are not read again; new ones are added.

    Returns:
        The plans in the order of the steps.

    Raises:
        InputError: If the data are broken (all problems are listed), a step does not exist, a
            predecessor is missing or of another sequence, or the work dir holds another sequence
            or, without ``resume``, results.
    """
    task = build_task(cfg.task)
    chosen = sorted(set(range(task.num_steps) if steps is None else steps))
    for step in chosen:
        task.new_classes(step)
    check_work_dir(cfg)
    base = base and find_base(cfg, base)
    known_lists = {} if known_lists is None else known_lists
    plans, problems, before = {}, {}, None
    for step in chosen:
        try:
            lists = read_picture_lists(cfg, step, known_lists)
        except DataError as error:
            problems.update(dict.fromkeys(error.problems))
            continue
        before = plans[step - 1].fingerprint if step - 1 in plans else None
        plans[step] = _plan_step(cfg, step, lists, resume, world_size, before, base)
    plans = list(plans.values())
    if problems:
        raise DataError(cfg.data_root, list(problems))
    for plan in plans:
        _check_predecessor(cfg, plan, chosen)
        begun = any(Path(cfg.work_dir, f'step_{plan.step}').glob('iter_*.pth'))
        if not resume and (plan.done or begun):
            state = 'done' if plan.done else 'begun'
            raise InputError(
                f'step {plan.step} is {state} in {cfg.work_dir}; '
                'go on with --resume, or choose another --work-dir'
            )
    return plans


def check_work_dir(cfg: Config) -> None:
    """Refuse a work dir that holds another sequence.

    Args:
        cfg: A checked config.

    Raises:
        InputError: If its results are of another task, method, setting or protocol.
    """
    path = Path(cfg.work_dir, 'results.json')
    if not path.is_file():
        return
    there, here = SequenceResults.load(path).sequence, describe_sequence(cfg)
    for key in here:
        if there.get(key) != here[key] and key != 'task':
            raise InputError(
                f'{cfg.work_dir} holds a sequence with another {key} ({there.get(key)}, the '
                f'config has {here[key]}); choose another --work-dir'
            )


def check_backbone_weights(path: str | None) -> str | None:
    """Tell what is wrong with the file that step 0's backbone starts from.

    Args:
        path: ``backbone_weights`` of the config.

    Returns:
        The problem and its mend, or None.
    """
    if path is None:
        return None
    if not os.path.isfile(path):
        return (
            f'backbone_weights {path} not found: python tools/download_weights.py --help says how '
            'to get them; backbone_weights=None starts from random weights'
        )
    try:
        load_checkpoint(path)
    except CheckpointError as error:
        return str(error)
    return None


def _plan_step(
    cfg: Config,
    step: int,
    lists: PictureLists,
    resume: bool,
    world_size: int,
    before: str | None,
    base: str | None,
) -> StepPlan:
    task = build_task(cfg.task)
    step_cfg = step_config(cfg, step)
    length = {key: step_cfg.train_cfg.get(key) for key in ('epochs', 'iters')}
    batch_size = cfg.batch_size * world_size
    lr = step_cfg.optim_wrapper.optimizer.lr
    scale = cfg.get('auto_scale_lr') or {}
    if scale.get('enable'):
        lr = lr * batch_size / scale['base_batch_size']
    source, target = (Path(cfg.work_dir, f'step_{t}.pth') for t in (step - 1, step))
    if step and source.is_file():
        before = saved_fingerprint(source)
    fingerprint = step_fingerprint(cfg, step, lists.training, before, world_size)
    done = target.is_file()
    resume_from = newest_training_checkpoint(step_cfg.work_dir) if resume and not done else None
    return StepPlan(
        step=step,
        new_classes=tuple(task.names[label - 1] for label in task.new_classes(step)),
        num_images=len(lists.training),
        num_test_images=lists.num_test,
        iters=training_iters(len(lists.training), batch_size, **length),
        lr=lr,
        source=str(source) if step else str(cfg.backbone_weights or 'random weights'),
        target=str(target),
        done=done,
        resume_from=resume_from,
        taken_from=base if step == 0 and not done and not resume_from else None,
        fingerprint=fingerprint,
        outdated=done and is_outdated(target, fingerprint),
    )


def _check_predecessor(cfg: Config, plan: StepPlan, chosen: Sequence[int]) -> None:
    if plan.step == 0 or plan.done or plan.step - 1 in chosen:
        return
    if not os.path.isfile(plan.source):
        raise InputError(
            f'step {plan.step} needs {plan.source}, which is missing; '
            f'run step {plan.step - 1} first (--steps {plan.step - 1} {plan.step})'
        )
    load_step_checkpoint(plan.source, describe_sequence(cfg), plan.step - 1)
