"""A few training iterations, measured: peak memory and pictures per second."""

import gc
import multiprocessing
import re
import signal
import statistics
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from .. import registration  # noqa: F401  also in a child process
from ..models import IncrementalEncoderDecoder
from ..utils.quiet import quiet

GB = 2**30
_WARM_UP = 1
_TIMED_ON_CUDA = 5
# an iteration of a batch that fills the memory takes many seconds on a CPU, and memory stops
# growing after the second, which has the optimiser's momentum and the gradients together
_TIMED_ON_CPU = 2
_SECONDS_BETWEEN_LOOKS = 0.05


@dataclass(frozen=True)
class Measurement:
    """What a batch costs.

    Args:
        memory_gb: Peak memory in GB of 2**30 bytes: reserved by the allocator on a GPU, of the
            whole process on a CPU.
        seconds: Median time of an iteration.
    """

    memory_gb: float
    seconds: float


def try_on_cuda(cfg: Config, batch: int, budget_gb: float) -> Measurement | None:
    """Train a few iterations on the GPU.

    The allocator is held to the budget, so that memory which it keeps for later is given up
    before a batch is refused.

    Args:
        cfg: Config of a step; the crop is ``model.data_preprocessor.size``.
        batch: Pictures per iteration.
        budget_gb: Memory that the allocator may reserve.

    Returns:
        The measurement, or None if the batch does not fit.
    """
    total = torch.cuda.get_device_properties().total_memory
    torch.backends.cudnn.benchmark = cfg.get('env_cfg', {}).get('cudnn_benchmark', False)
    torch.cuda.set_per_process_memory_fraction(min(budget_gb * GB / total, 1.0))
    torch.cuda.reset_peak_memory_stats()
    try:
        seconds = _train(cfg, batch, torch.device('cuda'), _TIMED_ON_CUDA)
        return Measurement(torch.cuda.max_memory_reserved() / GB, seconds)
    except torch.cuda.OutOfMemoryError:
        return None
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        _release_cuda()


def _release_cuda() -> None:
    gc.collect()
    torch.cuda.empty_cache()


def try_on_cpu(cfg: Config, batch: int, budget_gb: float) -> Measurement | None:
    """Train a few iterations in a process of their own.

    A process that has trained once keeps freed memory and would count it for the next batch; a
    new one starts from the same few hundred megabytes each time. It is ended as soon as it
    passes the budget, so the machine never has to give more than that, and where the kernel
    ends it first nothing else is lost.

    Args:
        cfg: Config of a step; the crop is ``model.data_preprocessor.size``.
        batch: Pictures per iteration.
        budget_gb: Memory that the whole process may use.

    Returns:
        The measurement, or None if the batch does not fit.

    Raises:
        RuntimeError: If the training fails for another reason than memory.
    """
    context = multiprocessing.get_context('spawn')
    receiver, sender = context.Pipe(duplex=False)
    job = (sender, cfg.to_dict(), batch, torch.get_num_threads())
    process = context.Process(target=_child, args=job, daemon=True)
    process.start()
    sender.close()
    try:
        while not receiver.poll(_SECONDS_BETWEEN_LOOKS):
            if peak_memory_gb(process.pid) > budget_gb:
                return None
        measured = receiver.recv()
    except EOFError:
        process.join()
        if process.exitcode == -signal.SIGKILL:  # the kernel does so where memory is short
            return None
        raise RuntimeError(
            f'training with batch {batch} failed (exit status {process.exitcode}); '
            'its error is printed above'
        ) from None
    finally:
        process.kill()
        process.join()
        receiver.close()
    return measured if measured and measured.memory_gb <= budget_gb else None


def peak_memory_gb(pid: int | str = 'self') -> float:
    """Largest resident memory that a process has had, in GB of 2**30 bytes; Linux only.

    Args:
        pid: The process.

    Returns:
        The peak; 0 for a process that has ended.

    Raises:
        OSError: If there is no such process.
    """
    found = re.search(r'VmHWM:\s*(\d+) kB', Path(f'/proc/{pid}/status').read_text())
    return int(found[1]) * 1024 / GB if found else 0.0


def _child(sender: Connection, cfg: dict, batch: int, num_threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    torch.set_num_threads(num_threads)
    try:
        seconds = _train(Config(cfg), batch, torch.device('cpu'), _TIMED_ON_CPU)
        sender.send(Measurement(peak_memory_gb(), seconds))
    except (RuntimeError, MemoryError) as error:
        if not (isinstance(error, MemoryError) or "can't allocate memory" in str(error)):
            raise
        sender.send(None)


def _train(cfg: Config, batch: int, device: torch.device, timed: int) -> float:
    """Median seconds of an iteration with random pictures and labels."""
    init_default_scope('mmseg')
    with quiet():
        model = _build_model(cfg, device)
        optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    data = _random_batch(batch, cfg.model.data_preprocessor.size, model)
    seconds = []
    for _ in range(_WARM_UP + timed):
        start = time.perf_counter()
        model.train_step(data, optim_wrapper)
        if device.type == 'cuda':
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[_WARM_UP:])


def _build_model(cfg: Config, device: torch.device) -> IncrementalEncoderDecoder:
    """The step's model as training has it, with random weights in the old one too."""
    model = MODELS.build(cfg.model).to(device).train()
    if old_model := cfg.default_hooks.incremental_loop.old_model:
        model.set_old_model(MODELS.build(old_model))
    return model


def _random_batch(batch: int, size: tuple[int, int], model: IncrementalEncoderDecoder) -> dict:
    """What the data workers would hand over, the maps per pixel that losses take included."""
    maps = {name for module in model.modules() for name in getattr(module, 'pixel_maps', ())}
    images, samples = [], []
    for _ in range(batch):
        images.append(torch.randint(256, (3, *size), dtype=torch.uint8))
        labels = torch.randint(model.decode_head.num_classes, (1, *size))
        sample = SegDataSample(gt_sem_seg=PixelData(data=labels))
        for name in maps:
            sample.set_data({f'gt_{name}': PixelData(data=torch.rand(1, *size))})
        samples.append(sample)
    return dict(inputs=images, data_samples=samples)
