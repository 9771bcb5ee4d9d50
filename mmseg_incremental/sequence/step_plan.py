"""What is to be done with a sequence, and what each step will do."""

import os
from collections.abc import Collection
from collections.abc import Sequence as Listing
from dataclasses import dataclass, field

from ..datasets.memory_file import Candidate


@dataclass(frozen=True)
class StepPlan:
    """What one step will do.

    Args:
        step: The step.
        new_classes: Names of the classes that it learns.
        num_images: Pictures that it trains on, remembered ones included.
        num_test_images: Pictures that it is evaluated on.
        iters: Iterations.
        lr: Learning rate at its start.
        source: Where the weights come from.
        target: Checkpoint that it writes.
        done: Whether that checkpoint is there and stays.
        resume_from: Checkpoint inside the step to go on from.
        taken_from: Checkpoint of another sequence that is taken in place of training.
        settings: What the weights depend on, see :func:`step_settings`.
        fingerprint: Their hash.
        outdated: Whether the finished checkpoint was trained with another fingerprint.
        memory: Pictures that the method remembers.
        notes: What a user should know of the step, a line each.
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
    settings: str = field(repr=False)
    fingerprint: str
    outdated: bool
    memory: tuple[Candidate, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunOptions:
    """What a user wants to be done with a sequence.

    Args:
        steps: The steps to run. None is all.
        resume: Whether steps that are done or begun may be there.
        base: Work dir of a sequence whose finished step 0 is taken in place of training it.
        overwrite: Steps that are trained again although they are done.
        restart: Steps that are begun and trained from their start.
        joint: Work dir of a model that learnt all classes at once, to compare with.
        log: Loggers, ``'tensorboard'`` or ``'wandb'``.
    """

    steps: Listing[int] | None = None
    resume: bool = False
    base: str | os.PathLike | None = None
    overwrite: Collection[int] = ()
    restart: Collection[int] = ()
    joint: str | os.PathLike | None = None
    log: Collection[str] = ()
