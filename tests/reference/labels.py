"""Label maps of a step in slow loops over pixels, written from the protocol's definition."""

import numpy as np

VOID = 255


def training_label(label, groups, step, setting, void):
    """What a pixel of one class becomes in the training of a step."""
    if label == VOID:
        return VOID if void == 'ignore' else 0
    channel = 0
    for learnt_at, group in enumerate(groups):
        for entry in group:
            channel += 1
            if entry == label:
                if learnt_at == step:
                    return channel
                if learnt_at < step and setting == 'sequential':
                    return channel
                return 0
    return 0


def evaluation_label(label, groups, step, future):
    """What a pixel of one class becomes in the evaluation after a step."""
    if label == VOID:
        return VOID
    channel = 0
    for learnt_at, group in enumerate(groups):
        for entry in group:
            channel += 1
            if entry == label:
                if learnt_at <= step:
                    return channel
                return VOID if future == 'ignore' else 0
    return 0


def map_labels(labels, one_label, *args):
    """Apply one of the functions above to every pixel of a map of shape (H, W)."""
    result = np.zeros_like(labels)
    for row in range(labels.shape[0]):
        for column in range(labels.shape[1]):
            result[row, column] = one_label(int(labels[row, column]), *args)
    return result
