"""The largest batch that fits the accelerator, by crop size."""

import copy
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass

import torch
from mmengine.config import Config

from ..errors import InputError
from ..sequence import load_sequence
from ..utils.files import write_atomically
from ..utils.table import Column, Table
from .training_trial import GB, Measurement, try_on_cpu, try_on_cuda

#: BiSeNet pools each picture to one value per channel, of which batch normalisation needs two.
SMALLEST_BATCH = 2


class NothingFitsError(InputError):
    """Not even the smallest batch fits."""


@dataclass(frozen=True)
class BatchFit:
    """The largest batch of a crop size.

    Args:
        crop: Height and width of the crop in pixels.
        batch: Pictures per iteration.
        memory_gb: Peak memory in GB of 2**30 bytes.
        share: Peak memory as a part of the budget, 0 to 1.
        images_per_second: Training speed.
    """

    crop: int
    batch: int
    memory_gb: float
    share: float
    images_per_second: float


def largest_batch(
    fits: Callable[[int], bool], max_batch: int, smallest: int = SMALLEST_BATCH
) -> int | None:
    """Find the largest batch that fits, by doubling and then by bisection.

    No batch is asked for that is more than twice one that fits, and none twice.

    Args:
        fits: Tells whether a batch fits; if one fits, so must all smaller ones.
        max_batch: The largest batch to try, at least ``smallest``.
        smallest: The first batch to try.

    Returns:
        The batch, or None if not even the smallest fits.

    Example:
        >>> largest_batch(lambda batch: batch <= 13, max_batch=64)
        13
    """
    if not fits(smallest):
        return None
    fitting, refused = smallest, max_batch + 1
    while 2 * fitting < refused:
        if fits(2 * fitting):
            fitting *= 2
        else:
            refused = 2 * fitting
    while refused - fitting > 1:
        middle = (fitting + refused) // 2
        if fits(middle):
            fitting = middle
        else:
            refused = middle
    return fitting


def memory_budget(memory_gb: float | None) -> float:
    """Memory that training may use, in GB of 2**30 bytes.

    Args:
        memory_gb: The user's wish; None is all memory of the GPU.

    Returns:
        The budget; on a GPU never more than it has.

    Raises:
        InputError: If it is not above 0, or there is no GPU and no wish, or no way to measure.
    """
    if memory_gb is not None and not memory_gb > 0:
        raise InputError(f'--memory-gb must be above 0, got {memory_gb:g}')
    if torch.cuda.is_available():
        total = torch.cuda.get_device_properties().total_memory / GB
        return total if memory_gb is None else min(memory_gb, total)
    if memory_gb is None:
        raise InputError(
            'there is no GPU whose memory could be the limit; '
            'give one for the training process on the CPU, such as --memory-gb 4'
        )
    if not os.path.exists('/proc/self/status'):
        raise InputError('memory on a CPU is read from /proc, which only Linux has; use a GPU')
    return memory_gb


def fit_batch(
    cfg: Config,
    crop: int,
    budget_gb: float,
    max_batch: int = 1024,
    on_trial: Callable[[int, Measurement | None], None] = lambda batch, measured: None,
) -> BatchFit:
    """Find the largest batch of a crop size by training with it.

    Each trial runs whole iterations (forward, backward, optimiser) of the step's model with its
    losses, distillation and old model included, on random pictures and labels. Without a GPU
    trials are spawned processes: a script that calls this needs ``if __name__ == '__main__'``.

    Args:
        cfg: Config of a step; it is not changed.
        crop: Height and width of the crop in pixels.
        budget_gb: Memory in GB of 2**30 bytes, see :func:`memory_budget`.
        max_batch: The largest batch to try.
        on_trial: Called after each trial with the batch and its measurement, None if the batch
            does not fit.

    Returns:
        The largest batch and what it costs.

    Raises:
        NothingFitsError: If not even the smallest batch fits.
        InputError: If ``crop`` or ``max_batch`` is too small.
    """
    if crop < 1:
        raise InputError(f'a crop must have at least 1 pixel, got {crop}')
    if max_batch < SMALLEST_BATCH:
        raise InputError(
            f'--max-batch must be at least {SMALLEST_BATCH}, the smallest batch that batch '
            f'normalisation can train with, got {max_batch}'
        )
    measurements: dict[int, Measurement | None] = {}

    def fits(batch: int) -> bool:
        measurements[batch] = try_batch(cfg, crop, batch, budget_gb)
        on_trial(batch, measurements[batch])
        return measurements[batch] is not None

    batch = largest_batch(fits, max_batch)
    if batch is None:
        raise NothingFitsError(
            f'crop {crop}: not even batch {SMALLEST_BATCH}, the smallest that batch normalisation '
            f'can train with, fits {budget_gb:g} GB; choose a smaller crop or more --memory-gb'
        )
    best = measurements[batch]
    return BatchFit(crop, batch, best.memory_gb, best.memory_gb / budget_gb, batch / best.seconds)


def try_batch(cfg: Config, crop: int, batch: int, budget_gb: float) -> Measurement | None:
    """Train with one batch on random pictures, on the GPU if there is one.

    Args:
        cfg: Config of a step; it is not changed.
        crop: Height and width of the crop in pixels.
        batch: Pictures per iteration.
        budget_gb: Memory in GB of 2**30 bytes.

    Returns:
        What it costs, or None if it does not fit.
    """
    cfg = copy.deepcopy(cfg)
    cfg.model.data_preprocessor.size = (crop, crop)
    attempt = try_on_cuda if torch.cuda.is_available() else try_on_cpu
    return attempt(cfg, batch, budget_gb)


def fits_table(fits: Sequence[BatchFit], title: str) -> Table:
    """The fits as a table, one row per crop.

    Args:
        fits: What :func:`fit_batch` found.
        title: Where and with what.
    """
    columns = [
        Column('crop'),
        Column('batch'),
        Column('memory GB', format='.2f'),
        Column('share', format='.0%'),
        Column('images/s', format='.1f'),
    ]
    return Table(title, columns, [list(map(astuple, fits))])


def fit_crops(
    cfg: Config, crops: Sequence[int], budget_gb: float, max_batch: int, out: str | None = None
) -> list[BatchFit]:
    """Find the batch of every crop size; a crop that does not fit leaves the others alone.

    Args:
        cfg: Config of the step.
        crops: Heights and widths in pixels.
        budget_gb: Memory in GB of 2**30 bytes.
        max_batch: The largest batch to try.
        out: CSV file that is written each time a batch is found.

    Returns:
        The crops that fit, in their order.
    """
    found = []
    for crop in crops:

        def say(batch: int, measured: Measurement | None, crop: int = crop) -> None:
            """Print a line about a trial."""
            outcome = 'does not fit'
            if measured:
                outcome = (
                    f'fits, {measured.memory_gb:.2f} of {budget_gb:.2f} GB, '
                    f'{batch / measured.seconds:.1f} images/s'
                )
            print(f'crop {crop}, batch {batch}: {outcome}', flush=True)

        try:
            found.append(fit_batch(cfg, crop, budget_gb, max_batch, say))
        except NothingFitsError as error:
            print(f'error: {error}', file=sys.stderr, flush=True)
        if out:
            write_atomically(out, fits_table(found, '').csv())
    return found


def read_config(path: str, options: Mapping[str, object], step: int, amp: bool) -> Config:
    """Config of the step to measure.

    Args:
        path: Config leaf.
        options: Config entries by dotted key.
        step: The step.
        amp: Whether to train in mixed precision.

    Raises:
        InputError: If the config cannot be used, or there is no such step or no GPU for ``amp``.
    """
    if amp:
        if not torch.cuda.is_available():
            raise InputError('--amp needs a GPU, and there is none')
        scaled = {'optim_wrapper.type': 'AmpOptimWrapper', 'optim_wrapper.loss_scale': 'dynamic'}
        options = {**options, **scaled}
    return load_sequence(path, options).step(step).config


def place() -> str:
    """The accelerator's name, or CPU."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU'
