"""UNCE and UNKD of MiB on full-resolution logits, one tensor per intermediate result.

Each log-probability is what the formulas say: a difference of two log-sum-exps, or of a logit and
a log-sum-exp.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def unbiased_cross_entropy(logits: Tensor, target: Tensor, num_old: int) -> Tensor:
    """Cross-entropy in which background stands for the old classes (paper, section 4.4)."""
    everything = torch.logsumexp(logits, 1)
    log_prob = torch.zeros_like(logits)
    log_prob[:, 0] = torch.logsumexp(logits[:, :num_old], 1) - everything
    log_prob[:, num_old:] = logits[:, num_old:] - everything.unsqueeze(1)
    labels = target.clone()
    labels[target < num_old] = 0
    return F.nll_loss(log_prob, labels, ignore_index=255, reduction='none').mean()


def unbiased_knowledge_distillation(logits: Tensor, old_logits: Tensor) -> Tensor:
    """Distillation in which the old background stands for the new classes (section 4.4)."""
    num_old = old_logits.shape[1]
    everything = torch.logsumexp(logits, 1)
    not_old = torch.cat([logits[:, :1], logits[:, num_old:]], 1)
    background = torch.logsumexp(not_old, 1) - everything
    others = logits[:, 1:num_old] - everything.unsqueeze(1)
    old_prob = torch.softmax(old_logits, 1)
    agreement = old_prob[:, 0] * background + (old_prob[:, 1:] * others).sum(1)
    return -agreement.mean() / num_old


def mib_criterion(logits: Tensor, old_logits: Tensor, target: Tensor) -> Tensor:
    """Resize the logits of both models to the labels, then 1 x UNCE + 100 x UNKD.

    Args:
        logits: Logits of the student (N, C, h, w).
        old_logits: Logits of the old model (N, K, h, w).
        target: Labels (N, H, W), int64.

    Returns:
        Scalar.
    """
    size, num_old = target.shape[1:], old_logits.shape[1]
    logits = F.interpolate(logits, size, mode='bilinear', align_corners=False)
    old_logits = F.interpolate(old_logits, size, mode='bilinear', align_corners=False)
    distillation = unbiased_knowledge_distillation(logits, old_logits)
    return unbiased_cross_entropy(logits, target, num_old) + 100 * distillation
