"""Measuring: alternating rounds, medians, peak memory, the machine."""

import ctypes
import gc
import multiprocessing
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Result:
    """One line of a table.

    Args:
        case: What was measured.
        ours: Seconds or MB of the package.
        reference: The same of the reference; None where there is none.
        unit: ``'s'``, ``'MB'``, ...
        note: What else was found.
        better: Whether less (of time, memory) or more (of pictures per second) is better.
    """

    case: str
    ours: float
    reference: float | None
    unit: str = 's'
    note: str = ''
    better: str = 'less'

    @property
    def ratio(self) -> float | None:
        """How many times better than the reference."""
        if self.reference is None:
            return None
        ratio = self.reference / self.ours
        return ratio if self.better == 'less' else 1 / ratio


def device() -> torch.device:
    """The GPU where there is one."""
    return torch.device('cuda' if torch.cuda.is_available() else 'cpu')


def fit_to_gpu() -> None:
    """Use what trainings on a GPU use in all rows: TF32 and the fastest convolutions."""
    if torch.cuda.is_available():
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision('high')


def machine() -> str:
    """Processor, threads and versions, for the head of a table."""
    name = platform.processor() or platform.machine()
    info = Path('/proc/cpuinfo')
    if info.is_file():
        names = [line for line in info.read_text().splitlines() if line.startswith('model name')]
        name = names[0].split(':')[1].strip() if names else name
    parts = [f'{name}, {torch.get_num_threads()} threads']
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    parts.append(f'Python {platform.python_version()}, torch {torch.__version__}')
    return '; '.join(parts)


def timed(function: Callable[[], object]) -> float:
    """Seconds of one call, the GPU's work included."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    function()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def medians(functions: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of functions that take turns.

    Args:
        functions: Name to function.
        rounds: Measured calls of each, after two calls that do not count.

    Returns:
        Name to seconds.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    gc.collect()
    for _ in range(rounds + 2):
        for name, function in functions.items():
            seconds[name].append(timed(function))
    return {name: statistics.median(values[2:]) for name, values in seconds.items()}


def compare(
    case: str, ours: Callable[[], object], reference: Callable[[], object], rounds: int
) -> Result:
    """Time two functions in turns.

    Args:
        case: What they do.
        ours: The package's way.
        reference: The plain way.
        rounds: Measured calls of each.

    Returns:
        Their medians.
    """
    found = medians({'ours': ours, 'reference': reference}, rounds)
    return Result(case, found['ours'], found['reference'])


def peak_megabytes(prepare: Callable[..., Callable[[], object]], *args: object) -> float:
    """Memory that a call needs beyond what was there before it.

    Args:
        prepare: Function of a module that makes the inputs and returns the call. It runs in a
            process of its own, so that memory freed earlier cannot hide what the call needs.
        *args: Its arguments.

    Returns:
        Megabytes: on a CPU of the resident set, on a GPU of tensors.
    """
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(_peak, torch.get_num_threads(), prepare, args).result()


def _peak(threads: int, prepare: Callable[..., Callable[[], object]], args: tuple) -> float:
    torch.set_num_threads(threads)
    fit_to_gpu()
    call = prepare(*args)
    if torch.cuda.is_available():
        call()  # what is compiled and tried out at first is not what every call needs
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    gc.collect()
    # what the preparation freed would otherwise hide what the call needs
    ctypes.CDLL(None).malloc_trim(0)
    Path('/proc/self/clear_refs').write_text('5')  # the peak so far is forgotten
    before = _status('VmRSS')
    call()
    return (_status('VmHWM') - before) / 1e3


def _status(key: str) -> float:
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(float(line.split()[1]) * 1.024 for line in lines if line.startswith(f'{key}:'))


def peak_flops(dtype: torch.dtype = torch.float32, size: int = 0) -> float:
    """Arithmetic that the machine reaches on a large product of matrices, per second."""
    size = size or (8192 if torch.cuda.is_available() else 2048)
    a, b = (torch.randn(size, size, device=device()).to(dtype) for _ in range(2))
    seconds = min(timed(lambda: a @ b) for _ in range(7))
    return 2 * size**3 / seconds
