"""RCIL in slow NumPy loops, written from the formulas and not from the package."""

import math

import numpy as np


def spatial(new, old, sizes=(4, 8, 12, 16, 20, 24)):
    difference = old**2 - new**2
    total = 0.0
    for k in sizes:
        pad = k // 2
        norms = []
        for picture in difference:
            padded = np.pad(picture, ((0, 0), (pad, pad), (pad, pad)))
            height, width = padded.shape[1] - k + 1, padded.shape[2] - k + 1
            pooled = [
                padded[d, i : i + k, j : j + k].sum() / k**2
                for d, i, j in np.ndindex(len(padded), height, width)
            ]
            norms.append(math.sqrt(sum(p * p for p in pooled)))
        total += sum(norms) / len(norms)
    return total / len(sizes)


def channel(new, old):
    difference = old**2 - new**2
    norms = []
    for picture in difference:
        depth, height, width = picture.shape
        total = 0.0
        for d, i, j in np.ndindex(depth, height, width):
            near = [picture[c, i, j] for c in (d - 1, d, d + 1) if 0 <= c < depth]
            total += (sum(near) / 3) ** 2
        norms.append(math.sqrt(total))
    return sum(norms) / len(norms)
