"""PLOP in slow NumPy loops, written from the formulas and not from the package."""

import math

import numpy as np


def entropy(scores, num_classes=None):
    """Entropy of one pixel: the paper's, or the code's where the number of classes is given."""
    exponentials = [math.exp(s - max(scores)) for s in scores]
    prob = [e / sum(exponentials) for e in exponentials]
    if num_classes is None:
        return -sum(q * math.log(q) for q in prob if q > 0)
    mean = -sum(q * math.log(q + 1e-8) for q in prob) / len(prob)
    return mean / math.log(len(prob) + 1e-8) / math.log(num_classes)


def thresholds_of_paper(values_per_class):
    return [sorted(v)[(len(v) - 1) // 2] if v else 0.0 for v in values_per_class]


def threshold_of_histogram(counts, cumulative):
    half, running = sum(counts) / 2, 0
    if half == 0:
        return 0.001
    for level, count in enumerate(counts):
        if running <= half <= running + count:
            break
        running += count if cumulative else level
    above, height = half - running, counts[level]
    if height == 0:
        return math.inf if above > 0 else 0.001 if above < 0 else math.nan
    return max(level / 100 + above / height / 100, 0.001)


def pseudo_labels(labels, old_logits, thresholds, num_classes=None, ignore_index=255):
    """Labels (N, H, W) and the share of accepted background pixels of every picture."""
    num, num_old = old_logits.shape[:2]
    made = labels.copy()
    accepted, background = np.zeros(num), np.zeros(num)
    for n, h, w in np.ndindex(*labels.shape):
        if labels[n, h, w] >= num_old or labels[n, h, w] == ignore_index:
            continue
        background[n] += 1
        scores = old_logits[n, :, h, w].tolist()
        best = scores.index(max(scores))
        made[n, h, w] = ignore_index
        if entropy(scores, num_classes) < thresholds[best]:
            made[n, h, w] = best
            accepted[n] += 1
    return made, accepted / (background + 1e-6)


def pod_embedding(features, scales=(1, 2, 4), windows='axes'):
    """Embedding (N, L) of maps (N, D, H, W)."""
    num, depth, height, width = features.shape
    made = []
    for picture in features:
        values = []
        for s in scales:
            k_w = width // s
            k_h = height // s if windows == 'axes' else k_w
            if k_h == 0 or k_w == 0:
                continue
            for i in range(s):
                for j in range(s):
                    rows = range(i * k_h, min((i + 1) * k_h, height))
                    columns = range(j * k_w, (j + 1) * k_w)
                    for d in range(depth):
                        values += [np.mean([picture[d, r, c] for c in columns]) for r in rows]
                    for d in range(depth):
                        values += [np.mean([picture[d, r, c] for r in rows]) for c in columns]
        made.append(values)
    return np.array(made).reshape(num, -1)


def local_pod(student, old, factors, scales=(1, 2, 4), windows='axes'):
    total = 0.0
    for new_map, old_map, factor in zip(student, old, factors, strict=True):
        difference = pod_embedding(old_map**2, scales, windows) - pod_embedding(
            new_map**2, scales, windows
        )
        total += factor * np.mean([math.sqrt(sum(d * d for d in row)) for row in difference])
    return total / len(student)


def fold(logits, num_old):
    folded = logits[:, :num_old].copy()
    for c in range(num_old, logits.shape[1]):
        folded[:, 0] += logits[:, c]
    return folded
