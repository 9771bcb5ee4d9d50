"""The regularisers of MiB's code, one number at a time."""


def normalise(values):
    low, high = min(values), max(values)
    return [(v - low) / (high - low + 1e-8) for v in values]


def fisher(before, gradients, alpha=0.9):
    """Running mean of squares; ``gradients`` by update, each a list of numbers."""
    kept = list(before)
    for update in gradients:
        kept = [alpha * g * g + (1 - alpha) * f for g, f in zip(update, kept, strict=True)]
    return kept


def path_integral(weights, gradients, end, before=None):
    """``weights`` at every update, and at the end; the score of the step."""
    found = []
    for j in range(len(end)):
        delta = sum(
            gradients[t][j] * (weights[t - 1][j] - weights[t][j]) for t in range(1, len(weights))
        )
        score = max(0.0, delta / ((end[j] - weights[0][j]) ** 2 + 1e-20))
        found.append(score + (before[j] if before else 0.0))
    return found


def riemannian_walk(weights, gradients, first_fisher, interval, alpha=0.9, before=None):
    """Fisher information and score of the step."""
    kept, score, last = list(first_fisher), [0.0] * len(first_fisher), None
    for t, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
        if t % interval == 0:
            if last is not None:
                for j in range(len(score)):
                    way = last[j] - weight[j]
                    score[j] += gradient[j] * way / (0.5 * kept[j] * way * way + 1e-8)
            last = list(weight)
        kept = fisher(kept, [gradient], alpha)
    score = [max(0.0, s) for s in score]
    if before:
        score = [0.5 * (s + b) for s, b in zip(score, before, strict=True)]
    return kept, score
