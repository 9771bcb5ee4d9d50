"""Jobs as processes on this machine, which end with the sweep that started them."""

import ctypes
import os
import signal
import subprocess
import sys
from dataclasses import dataclass

import torch

from ..errors import InputError
from .job import Job

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux


@dataclass(frozen=True)
class ThisMachine:
    """Processes that share the GPUs or the cores of this machine.

    Args:
        device: ``'cpu'``, ``'cuda'``, ``'cuda:N'`` or None for what is there; where there are
            several GPUs, jobs take turns on them.

    Raises:
        InputError: If the machine has no such GPU.
    """

    device: str | None = None

    def __post_init__(self) -> None:
        name, _, wanted = (self.device or 'cpu').partition(':')
        number = torch.cuda.device_count()
        if name == 'cuda' and int(wanted or 0) >= number:
            raise InputError(f'--device {self.device} is not there; this machine has {number} GPUs')

    def start(self, job: Job, slot: int, at_once: int) -> '_Process':
        """Start a job, see :class:`~.job.Place`."""
        environment = _environment(slot, at_once, self.device)
        with job.log.open('ab') as log:
            return _Process(
                subprocess.Popen(
                    job.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **environment, 'PYTHONUNBUFFERED': '1'},
                    preexec_fn=_end_with_parent if sys.platform == 'linux' else None,
                )
            )


@dataclass(frozen=True)
class _Process:
    process: subprocess.Popen

    def exit_status(self, seconds: float) -> int | None:
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        self.process.terminate()


def _end_with_parent() -> None:
    """A training whose sweep was killed would go on unseen beside the next one."""
    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGTERM)


def _environment(slot: int, at_once: int, device: str | None) -> dict[str, str]:
    """Environment of the jobs in a slot: their GPU, or their share of the cores."""
    if device == 'cpu' or not torch.cuda.is_available():
        environment = {'CUDA_VISIBLE_DEVICES': ''}
        if 'OMP_NUM_THREADS' not in os.environ:
            # more threads than cores slow small models down several times
            environment['OMP_NUM_THREADS'] = str(max((os.cpu_count() or 1) // at_once, 1))
        return environment
    visible = os.environ.get('CUDA_VISIBLE_DEVICES')
    gpus = visible.split(',') if visible else [str(n) for n in range(torch.cuda.device_count())]
    chosen = int(device.split(':')[1]) if device and ':' in device else slot % len(gpus)
    return {'CUDA_VISIBLE_DEVICES': gpus[chosen]}
