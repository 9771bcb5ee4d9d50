"""The losses in slow NumPy loops, written from the formulas and not from the package."""

import math

import numpy as np


def _probabilities(scores):
    top = max(scores)
    exponentials = [math.exp(s - top) for s in scores]
    return [e / sum(exponentials) for e in exponentials]


def _log(probability):
    return math.log(probability) if probability > 0 else -math.inf


def _mean(losses, target, ignore_index, avg_non_ignore):
    count = target.size
    if avg_non_ignore:
        count = sum(1 for label in target.flat if label != ignore_index)
    return sum(losses) / count if count else 0.0


def unbiased_pixel_losses(logits, target, num_old, ignore_index=255, old_labels='background'):
    """Map of losses (N, H, W); logits (N, C, H, W), target (N, H, W)."""
    losses = np.zeros(target.shape)
    for n, h, w in np.ndindex(*target.shape):
        label = target[n, h, w]
        if label == ignore_index:
            continue
        prob = _probabilities(logits[n, :, h, w].tolist())
        as_background = label == 0 if old_labels == 'kept' else label < max(num_old, 1)
        likelihood = sum(prob[: max(num_old, 1)]) if as_background else prob[label]
        losses[n, h, w] = -_log(likelihood)
    return losses


def unbiased_cross_entropy(
    logits, target, num_old, ignore_index=255, avg_non_ignore=False, old_labels='background'
):
    losses = unbiased_pixel_losses(logits, target, num_old, ignore_index, old_labels)
    return _mean(losses.flat, target, ignore_index, avg_non_ignore)


def focal_unbiased_cross_entropy(
    logits, target, num_old, alpha=1.0, gamma=2.0, ignore_index=255, avg_non_ignore=False,
    old_labels='background',
):  # fmt: skip
    losses = [
        alpha * (1 - math.exp(-loss)) ** gamma * loss
        for loss in unbiased_pixel_losses(logits, target, num_old, ignore_index, old_labels).flat
    ]
    return _mean(losses, target, ignore_index, avg_non_ignore)


def boundary_distance_map(target, ignore_index, sigma):
    """Search every pair of pixels for the nearest one of another class."""
    result = np.zeros(target.shape)
    for n, h, w in np.ndindex(*target.shape):
        if target[n, h, w] == ignore_index:
            continue
        nearest = math.inf
        for y, x in np.ndindex(*target.shape[1:]):
            if target[n, y, x] not in (ignore_index, target[n, h, w]):
                nearest = min(nearest, math.hypot(y - h, x - w))
        result[n, h, w] = math.exp(-nearest / sigma)
    return result


def merged_distance_map(target, num_old, sigma, ignore_index=255):
    """The map of labels in which every old class is background."""
    merged = np.zeros(target.shape, dtype=int)
    for index in np.ndindex(*target.shape):
        merged[index] = target[index] if target[index] >= num_old else 0
    return boundary_distance_map(merged, ignore_index, sigma)


def distance_penalized_cross_entropy(
    logits, target, num_old, sigma, ignore_index=255, avg_non_ignore=False, old_labels='background'
):
    merged = 0 if old_labels == 'kept' else num_old
    distance = merged_distance_map(target, merged, sigma, ignore_index)
    pixels = unbiased_pixel_losses(logits, target, num_old, ignore_index, old_labels)
    losses = (1 + distance) * pixels
    return _mean(losses.flat, target, ignore_index, avg_non_ignore)


def sigmoid_cross_entropy(
    logits, target, first_channel, ignore_index=255, avg_non_ignore=False, positive_weight=1.0
):
    losses = []
    for n, h, w in np.ndindex(*target.shape):
        if target[n, h, w] == ignore_index:
            continue
        for c in range(first_channel, logits.shape[1]):
            yes = 1 / (1 + math.exp(-logits[n, c, h, w]))
            if target[n, h, w] == c:
                losses.append(-positive_weight * math.log(yes))
            else:
                losses.append(-math.log(1 - yes))
    return _mean(losses, target, ignore_index, avg_non_ignore)


def knowledge_distillation(logits, old_logits):
    num, num_old, height, width = old_logits.shape
    total = 0.0
    for n, h, w in np.ndindex(num, height, width):
        old = _probabilities(old_logits[n, :, h, w].tolist())
        new = _probabilities(logits[n, :num_old, h, w].tolist())
        for c in range(num_old):
            total -= old[c] * _log(new[c]) if old[c] else 0.0
    return total / (num * height * width * num_old)


def unbiased_knowledge_distillation(logits, old_logits):
    num, num_old, height, width = old_logits.shape
    total = 0.0
    for n, h, w in np.ndindex(num, height, width):
        old = _probabilities(old_logits[n, :, h, w].tolist())
        new = _probabilities(logits[n, :, h, w].tolist())
        merged = [new[0] + sum(new[num_old:]), *new[1:num_old]]
        for c in range(num_old):
            total -= old[c] * _log(merged[c]) if old[c] else 0.0
    return total / (num * height * width * num_old)


def feature_distillation(features, old_features):
    pairs = list(zip(features.flat, old_features.flat, strict=True))
    return sum((float(a) - float(b)) ** 2 for a, b in pairs) / len(pairs)
