import numpy as np
import pytest
from mmseg.registry import TASK_UTILS

from mmseg_incremental.datasets.memory_file import Candidate
from mmseg_incremental.methods.memory.class_balanced import select_class_balanced


def candidates(**shown):
    return [Candidate(name, frozenset(classes), (0,)) for name, classes in shown.items()]


def taken(*args, **kwargs):
    return [(c, kept.picture) for c, kept in select_class_balanced(*args, **kwargs)]


def random_candidates(seed, num=80, num_classes=5):
    rng = np.random.default_rng(seed)
    shares = np.linspace(0.02, 0.5, num_classes)
    return [
        Candidate(
            f'{i:03}', frozenset((np.flatnonzero(rng.random(num_classes) < shares)).tolist()), (0,)
        )
        for i in range(num)
    ]


def test_by_hand():
    given = candidates(a={1, 2}, b={2}, c={1}, d={2}, e={3})
    assert taken(given, [1, 2], size=3) == [(1, 'a'), (2, 'b'), (1, 'c')]
    assert taken(given, [2, 1], size=3) == [(2, 'a'), (1, 'c'), (2, 'b')]
    # class 1 has run dry, class 2 goes on; nothing of class 3 is asked for
    assert taken(given, [1, 2], size=9) == [(1, 'a'), (2, 'b'), (1, 'c'), (2, 'd')]
    assert taken(given, [4, 1, 2], size=2) == [(1, 'a'), (2, 'b')]
    assert taken(given, [4], size=9) == []
    assert taken(given, [], size=9) == []
    assert taken([], [1], size=9) == []
    assert taken(given, [1], size=0) == []


def test_a_picture_kept_before_and_seen_again_is_one():
    given = [
        Candidate('a', frozenset({1}), (0,)),
        Candidate('b', frozenset({1}), (0,)),
        Candidate('a', frozenset({5}), (2,)),
    ]
    assert select_class_balanced(given, [5, 1], size=9) == [
        (5, Candidate('a', frozenset({1, 5}), (0, 2))),
        (1, Candidate('b', frozenset({1}), (0,))),
    ]


@pytest.mark.parametrize('seed', range(10))
def test_lists_are_balanced_and_pictures_differ(seed):
    given = random_candidates(seed)
    for size in (1, 7, 20, 500):
        kept = select_class_balanced(given, range(5), size, np.random.default_rng(seed))
        pictures = [candidate.picture for _, candidate in kept]
        usable = [candidate for candidate in given if candidate.classes]
        assert len(set(pictures)) == len(pictures) == min(size, len(usable))
        assert all(label in candidate.classes for label, candidate in kept)
        # while no class ran dry; class 0 is rare and has a handful of pictures
        start = [label for label, _ in kept[:10]]
        counts = np.bincount(start, minlength=5)[1:]
        if size == 7:
            assert counts.max() - counts.min() <= 1


def test_the_seed_alone_decides():
    memory = TASK_UTILS.build(dict(type='ClassBalancedMemory', size=10))
    given = random_candidates(0)

    def select(seed):
        return memory.select(given, range(5), seed)

    assert select(3) == select(3)
    assert len({tuple(c.picture for c in select(seed)) for seed in range(5)}) == 5
    assert given == random_candidates(0)
    # the candidates are shuffled, and so are the classes
    assert {c.picture for c in select(3)} != {k for _, k in taken(given, range(5), size=10)}
    firsts = {
        select_class_balanced(given, range(5), 1, np.random.default_rng(seed))[0][0]
        for seed in range(20)
    }
    assert firsts == set(range(5))


def test_what_a_picture_was_known_to_show_is_kept_with_it():
    memory = TASK_UTILS.build(dict(type='ClassBalancedMemory', size=2, batch_share=0.5))
    given = [Candidate('a', frozenset({1, 2}), (0, 1)), Candidate('b', frozenset({3}), (1,))]
    assert sorted(memory.select(given, [1, 2, 3], seed=0)) == given
    assert memory.batch_share == 0.5
    assert TASK_UTILS.build(dict(type='ClassBalancedMemory')).batch_share is None
