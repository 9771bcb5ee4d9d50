"""What a run will do, checked as a whole before anything is trained."""

from collections.abc import Mapping
from collections.abc import Sequence as Listing
from dataclasses import dataclass
from pathlib import Path

from ..datasets import DataError
from ..datasets.memory_file import Candidate
from ..errors import InputError
from ..utils.loggers import check_loggers
from .base_step import find_base, is_outdated, saved_fingerprint
from .checkpoint import UsableCheckpoint, load_step_checkpoint, newest_usable
from .checks import check_heads, check_same_settings, check_work_dir, data_doubts
from .extension import base_fingerprint
from .fingerprint import fingerprint_of, step_settings
from .memory_lists import memory_lists
from .picture_lists import PictureLists, read_picture_lists
from .rehearsal import rehearse_hooks
from .schedule import training_iters
from .sequence import Sequence, Step
from .step_plan import RunOptions, StepPlan


def plan_sequence(
    sequence: Sequence,
    options: RunOptions | None = None,
    world_size: int = 1,
    known_lists: dict[str, PictureLists] | None = None,
) -> list[StepPlan]:
    """Check the data of all chosen steps and tell what each will do.

    Args:
        sequence: The sequence.
        options: What is to be done. Defaults to all steps in a fresh work dir.
        world_size: Number of processes.
        known_lists: Lists of pictures read before, which are not read again; new ones are added.

    Returns:
        The plans in the order of the steps.

    Raises:
        InputError: If a head cannot grow, the data are broken (all problems are listed), a step
            does not exist, a predecessor is missing or of another sequence, or the work dir holds
            another sequence or, without ``resume``, results.
    """
    options = options or RunOptions()
    check_loggers(options.log)
    steps = range(sequence.num_steps) if options.steps is None else options.steps
    chosen = sorted({*steps})
    for step in [*chosen, *options.overwrite, *options.restart]:
        sequence.task.new_classes(step)
    for wish, named in (('overwritten', options.overwrite), ('restarted', options.restart)):
        if surplus := sorted(set(named) - set(chosen)):
            raise InputError(f'steps {surplus} are to be {wish}, but not among the steps to run')
    check_work_dir(sequence)
    check_heads(sequence)
    if sequence.is_extension and options.base:
        raise InputError('--base takes a step 0, which the base of the config is already')
    base = options.base and find_base(options.base, sequence.description)
    if sequence.is_extension:
        base = str(sequence.cfg.base.checkpoint)
    lists = _read_lists(sequence, chosen, {} if known_lists is None else known_lists)
    remembered = _remember(sequence, lists, chosen)
    planner = _Planner(sequence, options, world_size, base)
    plans: dict[int, StepPlan] = {}
    for step in chosen:
        plans[step] = planner.plan(step, lists[step], remembered[step], plans.get(step - 1))
    for index in dict.fromkeys([*chosen[:1], *chosen[-1:]]):  # those between have the same
        rehearse_hooks(sequence.step(index))
    for plan in plans.values():
        _check_predecessor(sequence, plan, chosen)
        _check_allowed(sequence, plan, options)
    return list(plans.values())


def _read_lists(
    sequence: Sequence, chosen: Listing[int], known: dict[str, PictureLists]
) -> dict[int, PictureLists]:
    """Pictures of the chosen steps, and of all before them if pictures are remembered."""
    needed = range(max(chosen, default=-1) + 1) if sequence.method.memory else chosen
    lists, problems = {}, {}
    for step in needed:
        try:
            lists[step] = read_picture_lists(sequence.step(step), known)
        except DataError as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise DataError(sequence.cfg.data_root, list(problems))
    return lists


def _remember(
    sequence: Sequence, lists: Mapping[int, PictureLists], chosen: Listing[int]
) -> dict[int, list[Candidate]]:
    if not sequence.method.memory:
        return {step: [] for step in chosen}
    found = memory_lists(sequence, [lists[step] for step in range(max(chosen) + 1)])
    return dict(enumerate(found))


@dataclass(frozen=True)
class _Planner:
    sequence: Sequence
    options: RunOptions
    world_size: int
    base: str | None

    def plan(
        self,
        index: int,
        lists: PictureLists,
        memory: Listing[Candidate],
        before: StepPlan | None,
    ) -> StepPlan:
        """Plan a step whose data have been read, behind the plan of the step before."""
        sequence, step = self.sequence, self.sequence.step(index)
        work_dir = sequence.work_dir
        source, target = work_dir.checkpoint(index - 1), work_dir.checkpoint(index)
        learnt = self._learnt(index, before)
        settings = step_settings(step, lists.training, learnt, self.world_size)
        fingerprint = base_fingerprint(self.base) if step.is_given else fingerprint_of(settings)
        overwrite = index in self.options.overwrite
        done = target.is_file() and not overwrite
        begun = UsableCheckpoint(None, None, ())
        if self.options.resume and not (done or overwrite or index in self.options.restart):
            begun = newest_usable(work_dir.training_checkpoints(index))
            check_same_settings(index, begun, settings)
        batch_size = sequence.cfg.batch_size * self.world_size
        shared = step.config.train_dataloader.dataset.get('memory_share')
        num_images = len(lists.training) + (0 if shared else len(memory))
        return StepPlan(
            step=index,
            new_classes=tuple(sequence.class_names(index)),
            num_images=num_images,
            num_test_images=lists.num_test,
            iters=0 if step.is_given else self._iters(step, num_images, batch_size),
            lr=0 if step.is_given else self._lr(step.config.optim_wrapper.optimizer.lr, batch_size),
            source=str(source) if index else str(sequence.cfg.backbone_weights or 'random weights'),
            target=str(target),
            done=done,
            resume_from=begun.path,
            taken_from=self.base if index == 0 and not done and not begun.path else None,
            settings=settings,
            fingerprint=fingerprint,
            outdated=done and is_outdated(target, fingerprint),
            memory=tuple(memory),
            notes=(
                *(f'{reason}; it is passed over' for reason in begun.damaged),
                *data_doubts(sequence, index, lists),
            ),
        )

    def _learnt(self, index: int, before: StepPlan | None) -> str | None:
        """Fingerprint of the weights that a step starts from."""
        source = self.sequence.work_dir.checkpoint(index - 1)
        if before and before.taken_from and not self.sequence.is_extension:
            return saved_fingerprint(before.taken_from)
        if index and source.is_file() and index - 1 not in self.options.overwrite:
            return saved_fingerprint(source)
        return before.fingerprint if before else None

    def _iters(self, step: Step, num_images: int, batch_size: int) -> int:
        return training_iters(num_images, batch_size, step.schedule.epochs, step.schedule.iters)

    def _lr(self, lr: float, batch_size: int) -> float:
        scale = self.sequence.cfg.get('auto_scale_lr') or {}
        return lr * batch_size / scale['base_batch_size'] if scale.get('enable') else lr


def _check_allowed(sequence: Sequence, plan: StepPlan, options: RunOptions) -> None:
    if plan.done and plan.step in options.restart:
        raise InputError(
            f'step {plan.step} is done in {sequence.work_dir.path}, so it cannot be restarted; '
            f'train it again with --overwrite-step {plan.step}'
        )
    begun = bool(sequence.work_dir.training_checkpoints(plan.step))
    anew = {*options.overwrite, *options.restart}
    if options.resume or plan.step in anew or not (plan.done or begun):
        return
    state = 'done' if plan.done else 'begun'
    again = '' if sequence.is_extension else f' train it again with --overwrite-step {plan.step},'
    raise InputError(
        f'step {plan.step} is {state} in {sequence.work_dir.path}; go on with --resume,{again} or '
        'choose another --work-dir'
    )


def _check_predecessor(sequence: Sequence, plan: StepPlan, chosen: Listing[int]) -> None:
    if plan.step == 0 or plan.done or plan.step - 1 in chosen:
        return
    if not Path(plan.source).is_file():
        there = [step for step in sequence.work_dir.checkpoints() if step < plan.step]
        missing = range(max(there, default=-1) + 1, plan.step)
        raise InputError(
            f'step {plan.step} needs {plan.source}, which is missing; train what is missing too: '
            f'--steps {" ".join(map(str, [*missing, plan.step]))}'
        )
    load_step_checkpoint(plan.source, sequence.description, plan.step - 1)
