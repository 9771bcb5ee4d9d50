"""What a run will do, checked as a whole before anything is trained."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config
from mmseg.registry import DATASETS
from rich.table import Table

from ..datasets import DataError
from ..errors import InputError
from ..evaluation import SequenceResults
from ..tasks import build_task
from .checkpoint import (
    CheckpointError,
    load_checkpoint,
    load_step_checkpoint,
    newest_training_checkpoint,
)
from .config import describe_sequence
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


def plan_sequence(
    cfg: Config, steps: Sequence[int] | None = None, resume: bool = False, world_size: int = 1
) -> list[StepPlan]:
    """Check the data of all chosen steps and tell what each will do.

    Args:
        cfg: A checked config.
        steps: The steps to run. Defaults to all.
        resume: Whether steps that are done or begun may be there.
        world_size: Number of processes.

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
    plans, problems = [], {}
    for step in chosen:
        try:
            counts = _count_images(cfg, step)
        except DataError as error:
            problems.update(dict.fromkeys(error.problems))
            continue
        plans.append(_plan_step(cfg, step, counts, resume, world_size))
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


def _count_images(cfg: Config, step: int) -> tuple[int, int]:
    """Pictures for training and for evaluation; problems of both lists are raised together."""
    step_cfg = step_config(cfg, step)
    counts, problems = [], []
    for loader in (step_cfg.train_dataloader, step_cfg.test_dataloader):
        try:
            counts.append(len(DATASETS.build(loader.dataset)))
        except DataError as error:
            problems += [p for p in error.problems if p not in problems]
    if problems:
        raise DataError(cfg.data_root, problems)
    return counts[0], counts[1]


def _plan_step(
    cfg: Config, step: int, counts: tuple[int, int], resume: bool, world_size: int
) -> StepPlan:
    task = build_task(cfg.task)
    step_cfg = step_config(cfg, step)
    length = {key: step_cfg.train_cfg.get(key) for key in ('epochs', 'iters')}
    batch_size = cfg.batch_size * world_size
    lr = step_cfg.optim_wrapper.optimizer.lr
    scale = cfg.get('auto_scale_lr') or {}
    if scale.get('enable'):
        lr = lr * batch_size / scale['base_batch_size']
    target = Path(cfg.work_dir, f'step_{step}.pth')
    resume_from = newest_training_checkpoint(step_cfg.work_dir) if resume else None
    before = f'{cfg.work_dir}/step_{step - 1}.pth'
    return StepPlan(
        step=step,
        new_classes=tuple(task.names[label - 1] for label in task.new_classes(step)),
        num_images=counts[0],
        num_test_images=counts[1],
        iters=training_iters(counts[0], batch_size, **length),
        lr=lr,
        source=before if step else str(cfg.backbone_weights or 'random weights'),
        target=str(target),
        done=target.is_file(),
        resume_from=None if target.is_file() else resume_from,
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


def plan_table(cfg: Config, plans: Sequence[StepPlan]) -> Table:
    """The plans as a table for the terminal.

    Args:
        cfg: Config of the sequence.
        plans: Its steps.

    Returns:
        One row per step: classes, pictures, iterations, learning rate, checkpoints.
    """
    title = f'{cfg.method.name} on {cfg.task.dataset} {cfg.task.name}, {cfg.setting}'
    table = Table(title=title, caption=f'checkpoints are in {cfg.work_dir}')
    table.add_column('step')
    table.add_column('new classes', max_width=40)
    for name in ('pictures', 'evaluated on', 'iterations', 'learning rate'):
        table.add_column(name, justify='right')
    table.add_column('checkpoint in', overflow='fold')
    table.add_column('checkpoint out')
    for plan in plans:
        source = plan.resume_from or plan.source
        table.add_row(
            str(plan.step),
            ', '.join(plan.new_classes),
            str(plan.num_images),
            str(plan.num_test_images),
            str(plan.iters),
            f'{plan.lr:g}',
            source.removeprefix(f'{cfg.work_dir}/'),
            f'{Path(plan.target).name}{" (done)" if plan.done else ""}',
        )
    return table
