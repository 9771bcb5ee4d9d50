"""SSUL in slow loops, written from the formulas and not from the package."""

import math

import numpy as np


def sigmoid(score):
    return 1 / (1 + math.exp(-score))


def labels(labels, unknown, old_logits, num_old, threshold, salient=None):
    made = labels.copy()
    for n, h, w in np.ndindex(*labels.shape):
        if labels[n, h, w] != 0:
            continue
        if salient is None or salient[n, h, w]:
            made[n, h, w] = unknown
        scores = [sigmoid(score) for score in old_logits[n, :, h, w].tolist()]
        best = scores.index(max(scores))
        if 1 <= best < num_old and scores[best] >= threshold:
            made[n, h, w] = best
    return made


def prediction(logits, num_classes, unknown):
    made = np.zeros((len(logits), *logits.shape[2:]), dtype=int)
    for n, h, w in np.ndindex(*made.shape):
        scores = [sigmoid(score) for score in logits[n, :, h, w].tolist()]
        scores[0] += scores[unknown]
        made[n, h, w] = scores.index(max(scores[:num_classes]))
    return made
