"""Losses from full-resolution logits."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mmseg.models.losses import CrossEntropyLoss
from mmseg.models.utils import resize
from torch import Tensor, nn

from ...errors import InputError
from ..losses import DistillationLoss, SegmentationLoss
from ..pixel_batch import PixelBatch
from .pixel_terms import has_own_losses, losses_of


def full_losses(
    head: nn.Module,
    logits: Tensor,
    batch: PixelBatch,
    distillation: Sequence[DistillationLoss] = (),
    old_logits: Tensor | None = None,
) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Compute the losses of a head by its own ``loss_by_feat``, as mmseg does.

    Args:
        head: Decode head.
        logits: What it returns, logits (N, C, h, w) or what its ``loss_by_feat`` takes.
        batch: The batch.
        distillation: Losses that compare these logits with the old model's.
        old_logits: Logits of the old model (N, K, h, w); only needed with ``distillation``.

    Returns:
        Losses of the head by name, with its pixel accuracy, and the distillation losses.

    Raises:
        InputError: If a loss cannot take the weights of the batch, if there is more than one logit
            map to distil, or as for :func:`.pixel_terms.has_own_losses`.
    """
    whole = logits
    if distillation:
        if not isinstance(logits, Tensor):
            raise InputError(
                f'{type(head).__name__} returns several outputs, of which no distillation of '
                'logits can tell the one to compare; name a module in the distillation loss'
            )
        options = dict(size=batch.size, mode='bilinear', align_corners=head.align_corners)
        whole, old_logits = resize(logits, **options), resize(old_logits, **options)
    with pass_pixel_values(losses_of(head), batch):
        # to the base class it is the same, and the logits need not be resized twice
        losses = head.loss_by_feat(logits if has_own_losses(head) else whole, batch.samples)
    return losses, [loss(whole, old_logits) for loss in distillation]


@contextmanager
def pass_pixel_values(losses: Sequence[nn.Module], batch: PixelBatch) -> Iterator[None]:
    """Pass every loss the batch's weight and its own ``pixel_maps`` while the context is open.

    mmseg's heads call all losses with the same arguments; a hook adds these to the call, so that
    everything else of ``loss_by_feat`` stays the head's own.

    Args:
        losses: Losses of a head; those without an attribute ``pixel_maps`` get no maps.
        batch: The batch.

    Raises:
        InputError: If the batch has a weight that a loss cannot take or did not get.
    """
    weighed: set[nn.Module] = set()

    def add(loss: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        """Give a loss the maps and the weight that it takes."""
        maps = {name: batch.map(name) for name in getattr(loss, 'pixel_maps', ())}
        if batch.weight is not None:
            _check_takes_weight(loss, args, batch)
            own = kwargs.get('weight')  # of a pixel sampler
            maps['weight'] = batch.weight if own is None else own * batch.weight
            weighed.add(loss)
        return args, {**kwargs, **maps}

    handles = [loss.register_forward_pre_hook(add, with_kwargs=True) for loss in losses]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
    if batch.weight is not None and (missed := set(losses) - weighed):
        raise _refusal(missed.pop(), 'is not called by the head')


def _check_takes_weight(loss: nn.Module, args: tuple, batch: PixelBatch) -> None:
    known = isinstance(loss, SegmentationLoss) or (
        isinstance(loss, CrossEntropyLoss) and not loss.use_mask
    )
    if not known:
        raise _refusal(loss, 'cannot weigh single pixels')
    if len(args) < 2 or args[1].shape != batch.target.shape:
        raise _refusal(loss, 'is not called with the labels of all pixels')


def _refusal(loss: nn.Module, reason: str) -> InputError:
    return InputError(
        f'{type(loss).__name__} {reason}, but the targets of the method weigh them; use a loss of '
        'mmseg_incremental.models.losses or mmseg.CrossEntropyLoss, in a head that takes it'
    )
