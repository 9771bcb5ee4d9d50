"""Everything that a step is made of, built once before anything is trained."""

import copy
import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch
from mmengine.model import PretrainedInit
from mmengine.optim import _ParamScheduler, build_optim_wrapper
from mmengine.optim.scheduler import ReduceOnPlateauParamScheduler
from mmengine.registry import (
    HOOKS,
    LOG_PROCESSORS,
    PARAM_SCHEDULERS,
    WEIGHT_INITIALIZERS,
    DefaultScope,
)
from mmengine.runner import Runner, get_priority
from mmseg.registry import VISBACKENDS, VISUALIZERS
from torch import nn

from ..datasets import StepDataset
from ..errors import told_as
from ..models.without_values import build_without_values
from ..utils.free_memory import within_free_memory
from ..utils.quiet import quiet
from .sequence import Step
from .trial_batch import try_iteration, try_prediction

T = TypeVar('T')


def rehearse_hooks(step: Step) -> None:
    """Build the hooks of a step, and look for what logs and draws.

    Args:
        step: The step.

    Raises:
        InputError: If one cannot be built; the message names it.
    """
    cfg, where = copy.deepcopy(step.config), f'step {step.index}'
    with _without_a_trace():
        _build_hooks(cfg, where)
        _build_onlookers(cfg, where)


def rehearse_step(step: Step, iters: int) -> None:
    """Build the network, the losses, the optimiser and the schedules of a step.

    A training iteration and a prediction are run on tensors without values, in crops of the real
    size; a network that reads values while it learns cannot be tried that way, and is not.

    Args:
        step: The step.
        iters: Its iterations.

    Raises:
        InputError: If a part cannot be built or one of the two fails; the message names the part.
    """
    cfg, where = copy.deepcopy(step.config), f'step {step.index}'
    with _without_a_trace(), within_free_memory():
        model = _built(f'{where}: model', lambda: build_without_values(cfg.model))
        wrapper = _built(
            f'{where}: optim_wrapper', lambda: build_optim_wrapper(model, cfg.optim_wrapper)
        )
        _build_initializers(model, where)
        _build_schedulers(cfg.get('param_scheduler'), wrapper, iters, where)
        try_iteration(step, model, where)
        try_prediction(step, model, where)


def rehearse_loader(loader: Mapping, dataset: StepDataset, name: str) -> None:
    """Build the loader of a data set and load one picture as it would.

    Args:
        loader: Config of the loader.
        dataset: The data set.
        name: What messages call it.

    Raises:
        InputError: If the loader cannot be built or the pipeline fails.
    """
    cfg = {**copy.deepcopy(dict(loader)), 'dataset': dataset}
    with _without_a_trace(), within_free_memory():
        _built(name, lambda: Runner.build_dataloader(cfg, seed=0))
        path = dataset.picture_paths[0]
        _built(f'{name}: its pipeline, tried on {path},', lambda: dataset[0])


def _build_initializers(model: nn.Module, where: str) -> None:
    """What a part begins with, which is asked for only when the training begins."""
    for name, module in model.named_modules():
        _built(f'{where}: init_cfg of model.{name}', lambda part=module: _initializers(part))


def _initializers(module: nn.Module) -> None:
    listed = getattr(module, 'init_cfg', None) or []
    for cfg in [listed] if isinstance(listed, dict) else listed:
        entries = {key: value for key, value in dict(cfg).items() if key != 'override'}
        begin = WEIGHT_INITIALIZERS.build(entries)
        if not isinstance(begin, PretrainedInit):  # whose file is looked at elsewhere
            begin(module)


def _build_schedulers(schedulers: object, wrapper: object, iters: int, where: str) -> None:
    listed = schedulers if isinstance(schedulers, list) else [schedulers]
    for place, scheduler in enumerate(part for part in listed if part is not None):
        own = dict(scheduler)
        if not own.get('by_epoch', True):
            own.setdefault('end', iters)
        more = dict(optimizer=wrapper, epoch_length=iters)
        _built(
            f'{where}: param_scheduler.{place}',
            lambda own=own, more=more: _first_value(PARAM_SCHEDULERS.build(own, default_args=more)),
        )


def _first_value(scheduler: object) -> None:
    """Make a step, unless it needs what an evaluation finds."""
    plateau = isinstance(scheduler, ReduceOnPlateauParamScheduler)
    if isinstance(scheduler, _ParamScheduler) and not plateau:
        scheduler.step()


def _build_hooks(cfg: Mapping, where: str) -> None:
    named = {f'default_hooks.{name}': hook for name, hook in cfg.default_hooks.items()}
    custom = {f'custom_hooks.{i}': hook for i, hook in enumerate(cfg.get('custom_hooks') or [])}
    for name, hook in {**named, **custom}.items():
        if hook is not None:
            _built(f'{where}: {name}', lambda hook=hook: _build_hook(dict(hook)))


def _build_hook(hook: dict) -> None:
    get_priority(hook.pop('priority', 'NORMAL'))
    HOOKS.build(hook)


def _build_onlookers(cfg: Mapping, where: str) -> None:
    processor = {'type': 'LogProcessor', **(cfg.get('log_processor') or {})}
    _built(f'{where}: log_processor', lambda: LOG_PROCESSORS.build(processor))
    # there is one visualizer of a name in a process, so it is not built on trial
    visualizer = cfg.get('visualizer') or {}
    for registry, part in (
        (VISUALIZERS, visualizer),
        *((VISBACKENDS, backend) for backend in visualizer.get('vis_backends') or []),
    ):
        if part:
            _built(f'{where}: visualizer', lambda r=registry, p=part: r.get(p['type']).__name__)


@contextmanager
def _without_a_trace() -> Iterator[None]:
    """Print nothing, warn of nothing, and leave the random generators as they were."""
    states = random.getstate(), np.random.get_state()
    with (
        quiet(),
        warnings.catch_warnings(),
        torch.random.fork_rng(devices=[]),
        DefaultScope.overwrite_default_scope('mmseg'),
    ):
        warnings.simplefilter('ignore')
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])


def _built(name: str, build: Callable[[], T]) -> T:
    with told_as(f'{name} cannot be built'):
        return build()
