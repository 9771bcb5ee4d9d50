"""Criterion of MiB (UNCE + UNKD) with its resizing, forward and backward: fused and generic."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from benchmarks.harness import Result, device, medians, peak_megabytes
from benchmarks.reference.mib_criterion import mib_criterion
from mmseg_incremental.models.criterion.fused import fused_losses
from mmseg_incremental.models.criterion.generic import generic_losses
from mmseg_incremental.models.criterion.pixel_terms import PixelTerms
from mmseg_incremental.models.losses import UnbiasedCrossEntropy, UnbiasedKnowledgeDistillation
from mmseg_incremental.models.pixel_batch import PixelBatch

#: Pictures, channels, old channels, and the edges of logits and labels in pixels.
CASES = ((4, 21, 16, 40, 320), (16, 21, 16, 64, 512), (4, 151, 101, 40, 320), (24, 21, 16, 49, 392))


def inputs(case: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Logits of student and old model, and labels."""
    num, channels, num_old, low, high = case
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(num, channels, low, low, generator=generator)
    old_logits = 3 * torch.randn(num, num_old, low, low, generator=generator)
    target = torch.randint(0, channels, (num, high, high), generator=generator)
    target[torch.rand(target.shape, generator=generator) < 0.05] = 255
    return logits.to(device()).requires_grad_(), old_logits.to(device()), target.to(device())


def ours(
    logits: Tensor, old_logits: Tensor, target: Tensor, fused: bool = True, compiled: bool = False
) -> Tensor:
    """The package's criterion, as a student's decode head computes it."""
    losses = [UnbiasedCrossEntropy(old_logits.shape[1])]
    terms = PixelTerms(losses, [UnbiasedKnowledgeDistillation(100.0)], PixelBatch([], target))
    if fused:
        return fused_losses(logits, old_logits, terms, compiled)[0].sum()
    return generic_losses(logits, old_logits, terms)[0].sum()


#: Ways of the package by name.
WAYS = {'fused': ours, 'generic': partial(ours, fused=False)}


def prepare(criterion: Callable[..., Tensor], case: tuple[int, ...]) -> Callable[[], Tensor]:
    """A call that computes the criterion and its gradient."""
    data = inputs(case)

    def once() -> Tensor:
        data[0].grad = None
        loss = criterion(*data)
        loss.backward()
        return loss

    return once


def measure(rounds: int) -> list[Result]:
    """Time and memory of every case, both ways beside the plain functions."""
    return [result for case in CASES for result in measure_case(case, rounds)]


def measure_case(case: tuple[int, ...], rounds: int) -> list[Result]:
    """Time and memory of one case."""
    num, channels, num_old, low, high = case
    name = f'batch {num}, {channels} classes ({num_old} old), {low}x{low} to {high}x{high}'
    plain = prepare(mib_criterion, case)
    calls = {way: prepare(criterion, case) for way, criterion in WAYS.items()}
    for way, call in calls.items():
        difference = abs(call().item() / plain().item() - 1)
        if difference > 1e-5:
            raise AssertionError(f'{name}: the values of {way} differ by {difference}')
    seconds = medians({**calls, 'plain': plain}, rounds)
    memory = {way: peak_megabytes(prepare, criterion, case) for way, criterion in WAYS.items()}
    memory['plain'] = peak_megabytes(prepare, mib_criterion, case)
    return [
        result
        for way in WAYS
        for result in (
            Result(f'{name}, {way}', seconds[way], seconds['plain']),
            Result(
                f'{name}, {way}, peak memory beyond the inputs',
                memory[way],
                memory['plain'],
                unit='MB',
            ),
        )
    ]
