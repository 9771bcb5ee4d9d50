"""A runner that fits the machine and keeps the terminal readable."""

import logging
import os
from collections.abc import Mapping

import torch
from mmengine.config import Config
from mmengine.dist import init_dist, is_distributed
from mmengine.logging import MMLogger
from mmengine.runner import Runner


class StepRunner(Runner):
    """``Runner`` whose terminal shows progress lines and warnings; the log file has it all."""

    def build_logger(self, *args: object, **kwargs: object) -> MMLogger:
        """Build the logger and let only progress lines and warnings through to the terminal."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(_is_for_terminal)
        return logger


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
