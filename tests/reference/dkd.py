"""DKD in slow loops, written from the formulas and not from the package."""

import math

import numpy as np


def _cross_entropy(score, wanted):
    """Binary cross-entropy of a sigmoid, of scores that a float holds well."""
    yes = 1 / (1 + math.exp(-score))
    return -wanted * math.log(yes) - (1 - wanted) * math.log(1 - yes)


def sigmoid_distillation(logits, old_logits):
    """The mean over pixels of the sum over old classes."""
    num, num_old, height, width = old_logits.shape
    total = 0.0
    for n, c, h, w in np.ndindex(num, num_old, height, width):
        if c:
            wanted = 1 / (1 + math.exp(-old_logits[n, c, h, w]))
            total += _cross_entropy(logits[n, c, h, w], wanted)
    return total / (num * height * width)


def reasoning(features, weight, old_features, old_weight, sign):
    """The mean over positions of the sum over classes, of weights of one sign."""
    num, depth, height, width = features.shape
    total = 0.0
    for n, h, w in np.ndindex(num, height, width):
        for c in range(len(weight)):
            new, old = (
                sum(x[n, d, h, w] * v[c, d] for d in range(depth) if sign * v[c, d] > 0)
                for x, v in ((features, weight), (old_features, old_weight))
            )
            total += _cross_entropy(new, 1 / (1 + math.exp(-old)))
    return total / (num * height * width)
