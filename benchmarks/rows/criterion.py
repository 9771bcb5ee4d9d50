"""Criterion of MiB (UNCE + UNKD) with its resizing, forward and backward."""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.harness import Result, compare, device, peak_megabytes
from benchmarks.reference.mib_criterion import mib_criterion
from mmseg_incremental.models.criterion.logit_losses import logit_losses
from mmseg_incremental.models.criterion.terms import cross_entropy_term, distillation_term
from mmseg_incremental.models.losses import UnbiasedCrossEntropy, UnbiasedKnowledgeDistillation

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


def ours(logits: Tensor, old_logits: Tensor, target: Tensor, compiled: bool = False) -> Tensor:
    """The package's criterion, as a student's decode head computes it."""
    num_old = old_logits.shape[1]
    terms = [
        cross_entropy_term(UnbiasedCrossEntropy(num_old), target, 255, {}),
        distillation_term(UnbiasedKnowledgeDistillation(100.0), target.numel(), num_old),
    ]
    return logit_losses(logits, target, terms, old_logits, num_old, compiled=compiled)[0].sum()


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
    """Time and memory of every case."""
    results = []
    for case in CASES:
        num, channels, num_old, low, high = case
        name = f'batch {num}, {channels} classes ({num_old} old), {low}x{low} to {high}x{high}'
        a, b = prepare(ours, case), prepare(mib_criterion, case)
        difference = abs(a().item() / b().item() - 1)
        if difference > 1e-5:
            raise AssertionError(f'{name}: the values differ by {difference}')
        results.append(compare(name, a, b, rounds))
        memory = [peak_megabytes(prepare, f, case) for f in (ours, mib_criterion)]
        results.append(Result(f'{name}, peak memory beyond the inputs', *memory, unit='MB'))
    return results
