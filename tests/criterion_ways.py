"""Heads, batches and the three ways of the criterion, for its tests."""

import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.structures import SegDataSample

from mmseg_incremental.models.criterion import criterion
from mmseg_incremental.models.criterion.full import full_losses
from mmseg_incremental.models.criterion.fused import can_fuse, fused_losses
from mmseg_incremental.models.criterion.generic import generic_losses
from mmseg_incremental.models.criterion.pixel_terms import pixel_terms
from mmseg_incremental.models.pixel_batch import PixelBatch

SEGMENTATION = {
    'ce': dict(type='CrossEntropyLoss'),
    'unce': dict(type='UnbiasedCrossEntropy', num_old=4),
    'kept': dict(type='UnbiasedCrossEntropy', num_old=4, old_labels='kept'),
    'fuce': dict(type='FocalUnbiasedCrossEntropy', num_old=4, alpha=2.0, gamma=1.5),
    'dpce': dict(type='DistancePenalizedCrossEntropy', num_old=4),
    'bce': dict(type='SigmoidCrossEntropy', num_old=4, channels='new'),
}
DISTILLATION = {
    'none': [],
    'kd': [dict(type='KnowledgeDistillation', loss_weight=100.0)],
    'unkd': [dict(type='UnbiasedKnowledgeDistillation', loss_weight=10.0)],
    'both': [dict(type='KnowledgeDistillation'), dict(type='UnbiasedKnowledgeDistillation')],
}
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-10}


def make_head(losses, num_channels=7, align_corners=False, cls=FCNHead, **options):
    return cls(
        in_channels=2, channels=2, num_convs=0, concat_input=False, dropout_ratio=0,
        num_classes=num_channels, align_corners=align_corners, loss_decode=losses, **options,
    )  # fmt: skip


def make_batch(dtype, num_channels=7, num_old=4, size=(23, 31), seed=0, factor=3, weight=None):
    """Low-resolution logits of both models, labels of all classes, a sixth of them ignored.

    ``weight`` is None, or the shape of the weights beside the pictures.
    """
    generator = torch.Generator().manual_seed(seed)
    logits = factor * torch.randn(3, num_channels, 5, 6, generator=generator, dtype=torch.float64)
    old = factor * torch.randn(3, num_old, 5, 6, generator=generator, dtype=torch.float64)
    target = torch.randint(0, num_channels, (3, *size), generator=generator)
    target[torch.rand(target.shape, generator=generator) < 1 / 6] = 255
    maps = torch.rand(target.shape, generator=generator)
    samples = [
        SegDataSample(
            gt_sem_seg=PixelData(data=label[None]), gt_distance_map=PixelData(data=values[None])
        )
        for label, values in zip(target, maps, strict=True)
    ]
    weight = None if weight is None else torch.rand(3, *weight, generator=generator)
    batch = PixelBatch.from_samples(samples, weight)
    return logits.to(dtype).requires_grad_(), old.to(dtype), batch


def fused(head, logits, batch, terms=(), old=None, compiled=False):
    old = old if terms else None
    pixels = pixel_terms(head, batch, terms)
    assert can_fuse(pixels, old)
    return criterion._named(pixels, *fused_losses(logits, old, pixels, compiled))


def generic(head, logits, batch, terms=(), old=None):
    pixels = pixel_terms(head, batch, terms)
    return criterion._named(pixels, *generic_losses(logits, old if terms else None, pixels))


full = full_losses


def run(way, head, logits, old, batch, terms=()):
    """Losses by name, the gradient of their sum, each term weighted differently, and accuracy."""
    losses, compared = way(head, logits, batch, terms, old)
    values = {name: value for name, value in losses.items() if 'loss' in name}
    values |= {
        f'{i}_{term.loss_name}': v for i, (term, v) in enumerate(zip(terms, compared, strict=True))
    }
    weighted = sum((i + 1) * value for i, value in enumerate(values.values()))
    (gradient,) = torch.autograd.grad(weighted, logits)
    return values, gradient, losses['acc_seg']
