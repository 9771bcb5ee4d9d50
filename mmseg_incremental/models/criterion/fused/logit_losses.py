"""Losses of low-resolution logits, and their gradient, without the full-resolution logits."""

from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from typing import NamedTuple

import torch
from mmengine.logging import print_log
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from ....utils.compiler import compile_error
from ..precision import own_precision
from .bilinear import Axis, bilinear_axis
from .channel_groups import ChannelGroups
from .log_sums import LogSums
from .one_core_threads import map_on_cores
from .piece import Piece, cut
from .terms import Term


def logit_losses(
    logits: Tensor,
    target: Tensor,
    terms: Sequence[Term],
    old_logits: Tensor | None = None,
    num_old: int = 1,
    align_corners: bool = False,
    ignore_index: int = 255,
    compiled: bool = False,
) -> tuple[Tensor, Tensor]:
    """Compute losses of logits that are resized to the labels bilinearly.

    The logits are resized, and the losses and their gradient computed, piece by piece; what is
    kept is a gradient of the low-resolution logits. On a CPU it is that of the sum of the terms,
    computed anew in the rare case that they are not simply added up. On an accelerator, where
    to look at the derivatives by the terms would mean to wait, it is one for each term.

    Args:
        logits: Logits of the student (N, C, h, w).
        target: Labels (N, H, W), int64.
        terms: T losses.
        old_logits: Logits of the old model (N, K, h, w); None without an old model.
        num_old: Number K of old channels that the terms speak of, background included.
        align_corners: As in ``torch.nn.functional.interpolate``.
        ignore_index: Label of the pixels that no cross-entropy counts.
        compiled: Whether ``torch.compile`` fuses what is done with a piece; on a GPU it does
            wherever that works.

    Returns:
        Losses (T,), float32 or float64, and the number of counting pixels whose labelled channel
        no other channel exceeds, a scalar.

    Raises:
        RuntimeError: If a label is outside the channels.
    """
    compiled = compiled or (logits.is_cuda and _can_compile(logits.device))
    compute = _compiled_piece() if compiled else _compute_piece
    batch = _Batch(target, tuple(terms), max(num_old, 1), align_corners, ignore_index, compute)
    if not torch.is_grad_enabled():
        logits = logits.detach()  # or autograd would still ask for the gradient
    return _LogitLosses.apply(logits, None if old_logits is None else old_logits.detach(), batch)


@lru_cache
def _can_compile(device: torch.device) -> bool:
    if reason := compile_error(device):
        print_log(f'the criterion is not compiled: {reason}', logger='current', level=30)
    return not reason


#: Positions of the terms of each sum whose gradient is wanted.
_TermGroups = list[tuple[int, ...]]


class _Batch(NamedTuple):
    target: Tensor
    terms: tuple[Term, ...]
    num_old: int
    align_corners: bool
    ignore_index: int
    compute: Callable[..., tuple[Tensor, Tensor, list[Tensor]]]


class _LogitLosses(torch.autograd.Function):
    """The gradient is computed with the losses, since both need the same exponentials."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, logits: Tensor, old_logits: Tensor | None, batch: _Batch
    ) -> tuple[Tensor, Tensor]:
        """Losses (T,) and the number of correct pixels."""
        gradient_of = []
        if ctx.needs_input_grad[0]:
            each = [(i,) for i in range(len(batch.terms))]
            gradient_of = [sum(each, ())] if logits.device.type == 'cpu' else each
        values, gradients, correct = _all_pieces(logits, old_logits, batch, gradient_of)
        ctx.save_for_backward(logits, old_logits, gradients)
        ctx.batch = batch
        ctx.mark_non_differentiable(correct)
        return values, correct

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, values: Tensor, _correct: Tensor) -> tuple:
        """Gradient of the logits (N, C, h, w) from the derivatives (T,) by the losses."""
        logits, old_logits, gradients = ctx.saved_tensors
        if len(gradients) < len(values):
            if values.eq(values[0]).all():
                values = values[:1]
            else:
                each = [(i,) for i in range(len(values))]
                gradients = _all_pieces(logits, old_logits, ctx.batch, each)[1]
        scales = values.to(gradients.dtype).view(-1, *(1,) * logits.ndim)
        # not earlier, since a gradient that no loss scale multiplies yet vanishes in float16
        return (scales * gradients).sum(0).to(logits.dtype), None, None


def _all_pieces(
    logits: Tensor, old_logits: Tensor | None, batch: _Batch, gradient_of: _TermGroups
) -> tuple[Tensor, Tensor, Tensor]:
    """Losses (T,), gradients (G, N, C, h, w) of G sums of terms, the number of correct pixels."""
    (num_pictures, channels, h, w), (height, width) = logits.shape, batch.target.shape[1:]
    device, terms = logits.device, batch.terms
    dtype = torch.promote_types(logits.dtype, torch.float32)
    down = bilinear_axis(h, height, batch.align_corners, dtype, device)
    across = bilinear_axis(w, width, batch.align_corners, dtype, device).matrix
    gradients = torch.empty((len(gradient_of), *logits.shape), dtype=dtype, device=device)

    def compute(pieces: list[Piece]) -> tuple[Tensor, Tensor]:
        """Fill in the gradients of some pictures; return their losses and correct pixels."""
        pictures = pieces[0].pictures
        wide = _widen(logits[pictures], across)
        old_wide = None if old_logits is None else _widen(old_logits[pictures], across)
        sums = torch.zeros((len(gradients), *wide.shape), dtype=dtype, device=device)
        values, correct = [], []
        for piece in pieces:
            found = batch.compute(
                _rows(wide, down, piece),
                None if old_wide is None else _rows(old_wide, down, piece),
                piece.of(batch.target),
                batch.num_old,
                batch.ignore_index,
                [(term.compute, term.rule, term.loss, term.scale) for term in terms],
                [{name: piece.of(full) for name, full in term.maps.items()} for term in terms],
                gradient_of,
            )
            values.append(found[0])
            correct.append(found[1])
            for total, gradient in zip(sums, found[2], strict=True):
                _add_rows(total, down, piece, gradient)
        for whole, total in zip(gradients, sums, strict=True):
            whole[pictures] = _narrow(total, across)
        return torch.stack(values).sum(0), torch.stack(correct).sum()

    on_cores = device.type == 'cpu' and batch.compute is _compute_piece
    with own_precision(device.type):
        several = cut((num_pictures, channels, height, width), device.type)
        results = map_on_cores(compute, several) if on_cores else [compute(p) for p in several]
    values, correct = (torch.stack(part).sum(0) for part in zip(*results, strict=True))
    return values.to(dtype), gradients, correct


def _compute_piece(
    logits: Tensor,
    old_logits: Tensor | None,
    target: Tensor,
    num_old: int,
    ignore_index: int,
    terms: list[tuple],
    maps: list[dict[str, Tensor]],
    gradient_of: _TermGroups,
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Losses (T,), correct pixels and G gradients (rows, pictures, C, W); overwrites logits."""
    counts = target != ignore_index
    groups = ChannelGroups(logits, target.masked_fill(~counts, 0), num_old, old_logits)
    values, weights = [], []
    for (compute, rule, loss, scale), own in zip(terms, maps, strict=True):
        value, derivatives = compute(rule, loss, groups, own)
        values.append(scale * value.sum(dtype=torch.float64))
        weights.append(derivatives.scaled(scale))
    correct = (groups.label_is_best() & counts).sum()
    sums = [reduce(LogSums.plus, (weights[i] for i in members)) for members in gradient_of]
    gradients = [groups.gradient(s, overwrite=i == len(sums) - 1) for i, s in enumerate(sums)]
    return torch.stack(values), correct, gradients


@lru_cache
def _compiled_piece() -> Callable:
    # not at import: asking for it imports the compiler
    return torch.compile(_compute_piece, dynamic=True)


def _widen(logits: Tensor, across: Tensor) -> Tensor:
    """Resize (n, C, h, w) along the width and put the rows first: (h, n, C, W)."""
    return logits.permute(2, 0, 1, 3).to(across.dtype) @ across.T


def _narrow(gradient: Tensor, across: Tensor) -> Tensor:
    """Gradient of :func:`_widen`: (h, n, C, W) to (n, C, h, w)."""
    return (gradient @ across).permute(1, 2, 0, 3)


def _rows(wide: Tensor, down: Axis, piece: Piece) -> Tensor:
    """Resize (h, n, C, W) along the height, rows of a piece only: (rows, n, C, W)."""
    matrix, read = down.rows(piece.start, piece.stop)
    return (matrix @ wide[read].flatten(1)).view(-1, *wide.shape[1:])


def _add_rows(total: Tensor, down: Axis, piece: Piece, gradient: Tensor) -> None:
    """Add the gradient of :func:`_rows` to ``total``."""
    matrix, read = down.rows(piece.start, piece.stop)
    total[read].flatten(1).addmm_(matrix.T, gradient.flatten(1))
