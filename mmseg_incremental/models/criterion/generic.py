"""Any losses that are sums over pixels, one picture after the other."""

import torch
from mmseg.models.utils import resize
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ..losses.utils import at_least_float32
from .pixel_terms import PixelTerms
from .precision import own_precision


def generic_losses(
    logits: Tensor, old_logits: Tensor | None, terms: PixelTerms
) -> tuple[Tensor, Tensor]:
    """Compute losses of logits that are resized to the labels bilinearly.

    One picture at a time is resized and, as its intermediate results are made anew for the
    gradient, held.

    Args:
        logits: Logits of the student (N, C, h, w).
        old_logits: Logits of the old model (N, K, h, w); None without distillation.
        terms: T losses.

    Returns:
        Losses (T,), float32 or float64, and the number of valid pixels whose labelled channel is
        the best one, a scalar.
    """
    target, weight = terms.batch.target, terms.batch.weight
    count = len(target)
    maps = {name: terms.batch.map(name) for loss in terms.losses for name in loss.pixel_maps}
    pictures = zip(
        logits.split(1),
        _split(old_logits, count),
        target.split(1),
        _split(weight, count),
        *(_split(values, count) for values in maps.values()),
        strict=True,
    )
    found = [
        checkpoint(
            _picture,
            *(picture[:4]),
            dict(zip(maps, picture[4:], strict=True)),
            terms,
            use_reentrant=False,
            preserve_rng_state=False,
        )
        for picture in pictures
    ]
    sums, correct = (torch.stack(part).sum(0) for part in zip(*found, strict=True))
    scales = [
        *(loss.loss_weight / loss.divisor(target, terms.ignore_index) for loss in terms.losses),
        *(loss.loss_weight / target.numel() for loss in terms.distillation),
    ]
    values = [scale * total for scale, total in zip(scales, sums, strict=True)]
    return torch.stack(values).to(sums.dtype), correct


def _split(values: Tensor | None, count: int) -> tuple[Tensor | None, ...]:
    return (None,) * count if values is None else values.split(1)


def _picture(
    logits: Tensor,
    old_logits: Tensor | None,
    target: Tensor,
    weight: Tensor | None,
    maps: dict[str, Tensor | None],
    terms: PixelTerms,
) -> tuple[Tensor, Tensor]:
    """Unscaled sums (T,) of a picture and the number of its correct pixels."""
    options = dict(size=target.shape[1:], mode='bilinear', align_corners=terms.align_corners)
    sums = []
    with own_precision(logits.device.type):
        logits = resize(at_least_float32(logits), **options, warning=False)
        for loss in terms.losses:
            own = {name: maps[name] for name in loss.pixel_maps}
            values = loss.weighted_pixel_loss(logits, target, terms.ignore_index, weight, **own)
            sums.append(values.sum())
        if old_logits is not None:
            old_logits = resize(at_least_float32(old_logits.detach()), **options, warning=False)
            sums += [loss.pixel_loss(logits, old_logits).sum() for loss in terms.distillation]
        correct = (logits.argmax(1) == target) & (target != terms.ignore_index)
        return torch.stack(sums), correct.sum()
