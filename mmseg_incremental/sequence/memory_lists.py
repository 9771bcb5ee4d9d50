"""Which pictures a method remembers at each step."""

from collections.abc import Sequence as Listing

from mmseg.registry import TASK_UTILS

from ..datasets.memory_file import Candidate
from .picture_lists import PictureLists
from .sequence import Sequence


def memory_lists(sequence: Sequence, lists: Listing[PictureLists]) -> list[list[Candidate]]:
    """Remember pictures from step to step.

    Before a step the candidates are the pictures kept so far and all training pictures of the
    step before, each with the classes that its labels showed when it was trained on.

    Args:
        sequence: A sequence whose method has a memory, or has none.
        lists: Pictures of step 0, step 1 and so on.

    Returns:
        For each of these steps what is remembered while it is trained; nothing at step 0.
    """
    if not sequence.method.memory:
        return [[] for _ in lists]
    memory = TASK_UTILS.build(dict(sequence.method.memory))
    kept: list[Candidate] = []
    remembered = []
    for step, _ in enumerate(lists):
        if step:
            new = set(sequence.task.new_classes(step - 1))
            before = lists[step - 1]
            candidates = [
                Candidate(picture, frozenset(classes & new), (step - 1,))
                for picture, classes in zip(before.training, before.classes, strict=True)
            ]
            seen = sequence.task.seen_classes(step - 1)
            seed = sequence.cfg.get('randomness', {}).get('seed', 0) + step
            kept = memory.select([*kept, *candidates], seen, seed)
        remembered.append(kept)
    return remembered
