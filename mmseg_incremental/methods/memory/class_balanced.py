"""A memory that holds about as many pictures for each class."""

from collections.abc import Sequence

import numpy as np
from mmseg.registry import TASK_UTILS

from ...datasets.memory_file import Candidate


def select_class_balanced(
    candidates: Sequence[Candidate],
    classes: Sequence[int],
    size: int,
    rng: np.random.Generator | None = None,
) -> list[tuple[int, Candidate]]:
    """Let the classes take pictures in turn until enough are taken.

    Each class takes the first remaining picture that shows it, for itself alone. A picture that is
    a candidate twice (kept before and seen again) is one candidate, which shows what it was known
    to show either time.

    Source: Cha et al., *SSUL: Semantic Segmentation with Unknown Label for Exemplar-based
    Class-Incremental Learning*, NeurIPS 2021, section 3.4, and its code, which would look for
    further pictures for ever where there are none.

    Args:
        candidates: Pictures, the classes that each shows and the steps that it was part of.
        classes: Classes that take pictures, in this order.
        size: Number of pictures to take.
        rng: Shuffles the candidates and then the classes, once; None leaves both in their order.

    Returns:
        Class and the picture that it took, in the order taken: ``size`` pictures, or all that
        show a class of ``classes`` where they are fewer.

    Example:
        >>> a, b = Candidate('a', frozenset({1}), (0,)), Candidate('b', frozenset({1, 2}), (0,))
        >>> [(c, taken.picture) for c, taken in select_class_balanced([b, a], [1, 2], size=2)]
        [(1, 'b'), (1, 'a')]
    """
    pictures: dict[str, Candidate] = {}
    for new in candidates:
        known = pictures.get(new.picture, new)
        steps = tuple(sorted({*known.steps, *new.steps}))
        pictures[new.picture] = Candidate(new.picture, known.classes | new.classes, steps)
    remaining, order = list(pictures.values()), list(classes)
    if rng is not None:
        rng.shuffle(remaining)
        rng.shuffle(order)
    taken: list[tuple[int, Candidate]] = []
    while len(taken) < size and order:
        for label in list(order):
            first = next((c for c in remaining if label in c.classes), None)
            if first is None:
                order.remove(label)
                continue
            remaining.remove(first)
            taken.append((label, first))
            if len(taken) == size:
                break
    return taken


@TASK_UTILS.register_module()
class ClassBalancedMemory:
    """Keep a fixed number of pictures, see :func:`select_class_balanced`.

    Args:
        size: Number of pictures kept.
        batch_share: Share of a batch that is drawn from the memory; None adds the pictures to the
            training set.
    """

    def __init__(self, size: int = 100, batch_share: float | None = None) -> None:
        self.size = size
        self.batch_share = batch_share

    def select(
        self, candidates: Sequence[Candidate], classes: Sequence[int], seed: int
    ) -> list[Candidate]:
        """Choose the pictures to keep; the same arguments choose the same ones in every process.

        Args:
            candidates: Pictures kept so far, with what was known of them then, and those of the
                step before.
            classes: Classes seen so far.
            seed: Seed of the draw.

        Returns:
            The pictures, at most ``size``.
        """
        rng = np.random.default_rng(seed)
        return [c for _, c in select_class_balanced(candidates, classes, self.size, rng)]
