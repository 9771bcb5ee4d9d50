"""All steps of a sequence, one after the other."""

import gc
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import barrier, broadcast_object_list, is_main_process

from ..errors import InputError
from ..evaluation import SequenceResults, results_table
from ..utils.console import get_console
from ..utils.files import lock_folder
from .base_step import saved_fingerprint, take_base
from .config import describe_sequence
from .evaluate import evaluate_step
from .learning_curve import read_learning_curve
from .pictures import draw_sequence
from .plain_config import write_plain_config
from .plan import StepPlan, check_backbone_weights, plan_sequence
from .plan_table import plan_table
from .step_config import step_config
from .step_runner import StepRunner, fit_to_machine, join_processes, world_size

console = get_console()


def run_sequence(
    cfg: Config,
    steps: Sequence[int] | None = None,
    resume: bool = False,
    launcher: str = 'none',
    base: str | os.PathLike | None = None,
) -> SequenceResults:
    """Train and evaluate the steps of a sequence.

    Everything is checked first. Each step then trains as one MMEngine run in
    ``WORK_DIR/step_T/`` and leaves ``WORK_DIR/step_T.pth`` and ``step_T.py``; its evaluation goes
    to ``WORK_DIR/results.json``. At the end the step x group table is printed and pictures are
    drawn into ``WORK_DIR/pictures/``.

    Args:
        cfg: Config from :func:`~mmseg_incremental.engine.config.load_config`.
        steps: The steps to run. Defaults to all.
        resume: Skip steps that are done and go on inside a step that was interrupted.
        launcher: ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.
        base: Work dir of a sequence whose finished step 0 is taken in place of training it.

    Returns:
        All results in the work dir.

    Raises:
        InputError: If anything cannot be used; see :func:`plan_sequence`.
        NonFiniteLossError: If the loss becomes NaN or infinite.
    """
    join_processes(launcher, cfg.get('env_cfg', {}))
    with ExitStack() as lock:
        plans = _plan_on_main_process(cfg, steps, resume, base, lock)
        results_path = Path(cfg.work_dir, 'results.json')
        results = _open_results(cfg, results_path)
        if is_main_process():
            console.print(plan_table(cfg, plans))
        for plan in plans:
            _run_step(cfg, plan, results, launcher)
        if is_main_process():
            if plans[-1].done:
                console.print(results_table(results))
            for path in draw_sequence(cfg, results):
                _say(f'wrote {path}')
            _say(f'wrote {results_path}')
    return results


def _run_step(cfg: Config, plan: StepPlan, results: SequenceResults, launcher: str) -> None:
    """Train a step or take it, then evaluate it; what is done is kept."""
    if plan.outdated:
        _say(f'note: step {plan.step} is there, but was trained with other settings or data')
    if plan.taken_from:
        _say(f'step {plan.step}: taken from {plan.taken_from}')
        _take(cfg, plan)
    elif not plan.done:
        _say(f'step {plan.step}: learning {", ".join(plan.new_classes)}')
        _train(cfg, plan, launcher)
    if plan.done and plan.step in results.steps:
        return
    _say(f'step {plan.step}: evaluating on {plan.num_test_images} pictures')
    metrics = evaluate_step(cfg, plan.step, plan.target, launcher)
    facts = dict(
        num_images=plan.num_images,
        iterations=plan.iters,
        batch_size=cfg.batch_size * world_size(),
        fingerprint=saved_fingerprint(plan.target),
    )
    if curve := read_learning_curve(Path(cfg.work_dir, f'step_{plan.step}')):
        facts['learning_curve'] = curve
    results.record(plan.step, metrics, **facts)
    if is_main_process():
        write_plain_config(cfg, plan.step, Path(cfg.work_dir, f'step_{plan.step}.py'))
        results.save(Path(cfg.work_dir, 'results.json'))
        console.print(results_table(results))
    barrier()


def _say(text: str) -> None:
    if is_main_process():
        console.print(text, soft_wrap=True)


def _plan_on_main_process(
    cfg: Config,
    steps: Sequence[int] | None,
    resume: bool,
    base: str | os.PathLike | None,
    lock: ExitStack,
) -> list[StepPlan]:
    """Plan once and lock the work dir; every process learns of an error."""
    plans, problem = [], None
    if is_main_process():
        try:
            plans = plan_sequence(cfg, steps, resume, world_size(), base)
            first = plans[0]
            starts_anew = first.step == 0 and not (first.done or first.taken_from)
            if starts_anew and (text := check_backbone_weights(cfg.backbone_weights)):
                raise InputError(text)
            _make_work_dir(cfg.work_dir)
            lock.enter_context(lock_folder(cfg.work_dir))
        except InputError as error:
            problem = error
    answer = [plans, None if problem is None else str(problem)]
    broadcast_object_list(answer)
    if problem is not None:
        raise problem
    if answer[1] is not None:
        raise InputError(answer[1])
    return answer[0]


def _make_work_dir(work_dir: str) -> None:
    try:
        os.makedirs(work_dir, exist_ok=True)
        probe = Path(work_dir, f'.writable-{os.getpid()}')
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f'{work_dir}: work dir cannot be written ({error.strerror}); choose another --work-dir'
        ) from error


def _open_results(cfg: Config, path: Path) -> SequenceResults:
    if is_main_process() and not path.is_file():
        SequenceResults(describe_sequence(cfg)).save(path)
    barrier()
    return SequenceResults.load(path)


def _take(cfg: Config, plan: StepPlan) -> None:
    if is_main_process():
        take_base(cfg, plan.taken_from, plan.target, plan.fingerprint)
    barrier()


def _train(cfg: Config, plan: StepPlan, launcher: str) -> None:
    step_cfg = step_config(cfg, plan.step)
    step_cfg.custom_hooks[-1].fingerprint = plan.fingerprint
    fit_to_machine(step_cfg, launcher)
    if plan.resume_from:
        step_cfg.load_from, step_cfg.resume = plan.resume_from, True
        _say(f'step {plan.step}: going on from {plan.resume_from}')
    runner = StepRunner.from_cfg(step_cfg)
    runner.train()
    del runner
    gc.collect()
    torch.cuda.empty_cache()
    barrier()
    if is_main_process():
        for leftover in Path(step_cfg.work_dir).glob('iter_*.pth'):
            leftover.unlink()
        Path(step_cfg.work_dir, 'last_checkpoint').unlink(missing_ok=True)
