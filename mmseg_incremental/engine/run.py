"""All steps of a sequence, one after the other."""

import copy
import gc
from contextlib import ExitStack

import torch
from mmengine.dist import barrier, is_main_process

from ..datasets.memory_file import write_memory
from ..evaluation import SequenceResults, joint_reference, results_table
from ..loggers import LogTraining, SequenceLog
from ..sequence.base_step import take_base
from ..sequence.extension import take_plain_model
from ..sequence.plain_config import plain_config, write_plain_config
from ..sequence.plan_table import plan_table
from ..sequence.sequence import Sequence
from ..sequence.step_plan import RunOptions, StepPlan
from ..sequence.stored_config import as_data
from ..sequence.work_dir import WorkDir
from ..utils.console import get_console, print_table
from .command_file import keep_command
from .evaluate import evaluate_step
from .incremental_loop import IncrementalLoop
from .prepare_run import prepare_run
from .progress_file import ProgressWriter
from .say import say
from .step_facts import step_facts
from .step_runner import StepRunner, fit_to_machine, join_processes, world_size


def run_sequence(
    sequence: Sequence, options: RunOptions | None = None, launcher: str = 'none'
) -> SequenceResults:
    """Train and evaluate the steps of a sequence.

    Everything is checked first. Each step then trains as one MMEngine run in
    ``WORK_DIR/step_T/`` and leaves ``WORK_DIR/step_T.pth`` and ``step_T.py``; its evaluation goes
    to ``WORK_DIR/results.json``. At the end the step x group table is printed and pictures are
    drawn into ``WORK_DIR/pictures/``.

    Args:
        sequence: From :func:`~mmseg_incremental.sequence.config.load_sequence`.
        options: What is to be done. Defaults to all steps in a fresh work dir.
        launcher: ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.

    Returns:
        All results in the work dir.

    Raises:
        InputError: If anything cannot be used; see :func:`plan_sequence`.
        NonFiniteLossError: If the loss becomes NaN or infinite.
    """
    join_processes(launcher, sequence.cfg.get('env_cfg', {}))
    with ExitStack() as lock:
        options = options or RunOptions()
        plans = prepare_run(sequence, options, lock)
        results = _open_results(sequence)
        if options.joint:
            results.joint = joint_reference(WorkDir.of(options.joint).results, sequence.description)
        if is_main_process():
            print_table(get_console(), plan_table(sequence, plans))
            keep_command(sequence.work_dir.commands)
        steps = [plan.step for plan in plans]
        progress = lock.enter_context(ProgressWriter(sequence.work_dir.progress, steps))
        log = lock.enter_context(SequenceLog(options.log, sequence, results))
        for plan in plans:
            _run_step(sequence, plan, results, launcher, progress, log)
        if is_main_process():
            results.save(sequence.work_dir.results)
            if plans[-1].done:
                print_table(get_console(), results_table(results))
            from .closing import close_run  # not at import: it needs Matplotlib

            close_run(sequence, results, log, say)
    return results


def _run_step(
    sequence: Sequence,
    plan: StepPlan,
    results: SequenceResults,
    launcher: str,
    progress: ProgressWriter,
    log: SequenceLog,
) -> None:
    """Train a step or take it, then evaluate it; what is done is kept."""
    if plan.outdated:
        say(f'note: step {plan.step} is there, but was trained with other settings or data')
    if plan.taken_from:
        say(f'step {plan.step}: taken from {plan.taken_from}')
        _take(sequence, plan)
    elif not plan.done:
        say(f'step {plan.step}: learning {", ".join(plan.new_classes)}')
        progress.tell(plan.step, 'training', 0, plan.iters)
        _train(sequence, plan, launcher, progress, log)
    progress.tell(plan.step, 'evaluating', plan.iters, plan.iters)
    if plan.done and plan.step in results.steps:
        return
    if plan.num_test_images:
        say(f'step {plan.step}: evaluating on {plan.num_test_images} pictures')
    step = sequence.step(plan.step)
    detail = sequence.work_dir.evaluation(plan.step)
    metrics = evaluate_step(step, plan.target, launcher, detail)
    facts = step_facts(step, plan, sequence.cfg.batch_size * world_size())
    results.record(plan.step, metrics, **facts)
    log.evaluated(plan.step)
    if is_main_process():
        write_plain_config(step)
        results.save(sequence.work_dir.results)
        print_table(get_console(), results_table(results))
    barrier()


def _open_results(sequence: Sequence) -> SequenceResults:
    path = sequence.work_dir.results
    if is_main_process() and not path.is_file():
        SequenceResults(sequence.description).save(path)
    barrier()
    return SequenceResults.load(path)


def _take(sequence: Sequence, plan: StepPlan) -> None:
    if is_main_process():
        if sequence.is_extension:
            take_plain_model(sequence.cfg, plan.target, sequence.description)
        else:
            take_base(
                plan.taken_from,
                plan.target,
                sequence.description,
                plan.fingerprint,
                as_data(plain_config(sequence.step(plan.step))),
            )
    barrier()


def _train(
    sequence: Sequence,
    plan: StepPlan,
    launcher: str,
    progress: ProgressWriter,
    log: SequenceLog,
) -> None:
    if is_main_process() and plan.memory:
        write_memory(sequence.work_dir.memory(plan.step), plan.memory)
    barrier()
    cfg = copy.deepcopy(sequence.step(plan.step).config)
    cfg.default_hooks.incremental_loop.fingerprint = plan.fingerprint
    cfg.default_hooks.progress = dict(
        type='ProgressFile', path=str(progress.path), step=plan.step, steps=progress.steps
    )
    fit_to_machine(cfg, launcher)
    if plan.resume_from:
        cfg.load_from, cfg.resume = plan.resume_from, True
        say(f'step {plan.step}: going on from {plan.resume_from}')
    runner = StepRunner.from_cfg(cfg)
    for hook in runner.hooks:
        if isinstance(hook, IncrementalLoop):
            # not by the config, which is printed into the log
            hook.settings = plan.settings
            hook.plain_config = as_data(plain_config(sequence.step(plan.step)))
    if log:
        runner.register_hook(LogTraining(log, plan.step))
    runner.train()
    del runner
    gc.collect()
    torch.cuda.empty_cache()
    barrier()
    if is_main_process():
        sequence.work_dir.remove_training_checkpoints(plan.step)
