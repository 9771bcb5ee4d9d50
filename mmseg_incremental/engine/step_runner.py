"""A runner that fits the machine and keeps the terminal readable."""

import logging
import os
from collections.abc import Mapping

import torch
from mmengine.config import Config
from mmengine.dist import init_dist, is_distributed
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import InputError

_TORCH = _BatchNorm.__module__


class StepRunner(Runner):
    """``Runner`` whose terminal shows progress lines and warnings; the log file has it all."""

    def build_logger(self, *args: object, **kwargs: object) -> MMLogger:
        """Build the logger and let only progress lines and warnings through to the terminal."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(_is_for_terminal)
        return logger

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wrap the model for several processes.

        Raises:
            InputError: If synchronised batch normalisation would lose an activation.
        """
        if self.distributed and self.cfg.get('sync_bn'):
            for module in model.modules():
                # what is put in the place of such a layer knows the normalisation only
                if isinstance(module, _BatchNorm) and type(module).__module__ != _TORCH:
                    raise InputError(
                        f'sync_bn cannot replace {type(module).__name__}, which does more than '
                        'normalise; set sync_bn=None'
                    )
        return super().wrap_model(model_wrapper_cfg, model)


def _is_for_terminal(record: logging.LogRecord) -> bool:
    """Errors and progress; the metrics of an evaluation come as a table of their own."""
    text = record.getMessage()
    return record.levelno >= logging.ERROR or (text.startswith('Iter(') and 'aAcc' not in text)


def join_processes(launcher: str, env_cfg: Mapping) -> None:
    """Join the other processes of a distributed run.

    Args:
        launcher: ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``. Without CUDA only
            ``'pytorch'`` works; it then uses the gloo backend.
        env_cfg: The config's; its ``dist_cfg`` gives backend and timeout where there is CUDA.
    """
    if launcher == 'none' or is_distributed():
        return
    if torch.cuda.is_available():
        init_dist(launcher, **env_cfg.get('dist_cfg', {}))
    else:
        torch.distributed.init_process_group('gloo')


def leave_processes() -> None:
    """Leave the other processes; does nothing in a run of one process."""
    if is_distributed():
        torch.distributed.destroy_process_group()


def fit_to_machine(cfg: Config, launcher: str) -> None:
    """Change what needs CUDA where there is none, and use what CUDA offers where it is.

    Args:
        cfg: Config of a step; changed in place.
        launcher: As for :func:`join_processes`.
    """
    cfg.launcher = launcher
    if torch.cuda.is_available():
        for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
            if cfg.get(name):
                cfg[name].setdefault('pin_memory', True)
        return
    cfg.pop('sync_bn', None)
    cfg.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False
    )


def world_size() -> int:
    """Number of processes, also before they have joined."""
    if is_distributed():
        return torch.distributed.get_world_size()
    return int(os.environ.get('WORLD_SIZE', 1))
