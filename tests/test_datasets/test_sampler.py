"""The stream of draws: shuffled, seeded, resumable, dealt to ranks."""

import random
from itertools import islice

import numpy as np
import pytest
import torch
from mmengine.dataset import sampler as mmengine_sampler
from mmseg.registry import DATA_SAMPLERS

from mmseg_incremental.datasets import Draw, SeededInfiniteSampler

SIZE = 7


def take(sampler, count):
    return list(islice(iter(sampler), count))


def make(seed=5, **kwargs):
    return SeededInfiniteSampler(range(SIZE), seed=seed, **kwargs)


def numbers():
    return random.random(), np.random.rand(), torch.rand(()).item()


def test_is_registered():
    sampler = DATA_SAMPLERS.build(
        dict(type='SeededInfiniteSampler', dataset=range(SIZE), seed=5, shuffle=True)
    )
    assert take(sampler, 20) == take(make(), 20)


def test_every_pass_holds_every_picture_in_its_own_order():
    draws = take(make(), 4 * SIZE)
    passes = [[d.index for d in draws[i : i + SIZE]] for i in range(0, 4 * SIZE, SIZE)]
    assert all(sorted(p) == list(range(SIZE)) for p in passes)
    assert len({tuple(p) for p in passes}) > 1


def test_without_shuffling_the_order_is_that_of_the_data():
    assert [d.index for d in take(make(shuffle=False), 9)] == [0, 1, 2, 3, 4, 5, 6, 0, 1]


def test_a_picture_drawn_again_gets_another_seed():
    draws = take(make(), 300)
    assert all(isinstance(draw, Draw) for draw in draws)
    assert len({draw.seed for draw in draws}) == 300
    assert all(0 <= draw.seed < 2**32 for draw in draws)


@pytest.mark.usefixtures('keep_generators')
def test_the_stream_follows_from_the_seed_alone():
    torch.manual_seed(1)
    np.random.seed(1)
    first = take(make(), 50)
    torch.manual_seed(2)
    np.random.seed(2)
    assert take(make(), 50) == first
    other = take(make(seed=6), 50)
    assert [d.index for d in other] != [d.index for d in first]
    assert not {d.seed for d in other} & {d.seed for d in first}


@pytest.mark.parametrize('skipped', [0, 1, SIZE - 1, SIZE, 23])
def test_skip_continues_the_stream(skipped):
    whole = take(make(), 60)
    sampler = make()
    sampler.skip(skipped)
    assert take(sampler, 60 - skipped) == whole[skipped:]


def deal(monkeypatch, rank, world_size):
    monkeypatch.setattr(mmengine_sampler, 'get_dist_info', lambda: (rank, world_size))
    return make()


@pytest.mark.parametrize('world_size', [2, 3])
@pytest.mark.parametrize('skipped', [0, 4])
def test_ranks_share_one_stream(monkeypatch, world_size, skipped):
    whole = take(make(), 20 * world_size)
    streams = []
    for rank in range(world_size):
        sampler = deal(monkeypatch, rank, world_size)
        if skipped:
            sampler.skip(skipped)
        streams.append(take(sampler, 20 - skipped))
    for rank, stream in enumerate(streams):
        assert stream == whole[rank::world_size][skipped:]
    assert [draw for draws in zip(*streams, strict=True) for draw in draws] == whole[
        skipped * world_size :
    ]


def test_ranks_draw_at_disjoint_places(monkeypatch):
    first = take(deal(monkeypatch, 0, 2), 10 * SIZE)
    second = take(deal(monkeypatch, 1, 2), 10 * SIZE)
    assert not {d.seed for d in first} & {d.seed for d in second}
    counts = np.bincount([d.index for d in first + second], minlength=SIZE)
    assert counts.tolist() == [20] * SIZE


@pytest.mark.usefixtures('keep_generators')
def test_a_draw_seeds_every_generator():
    Draw(3, 42).seed_everything()
    first = numbers()
    Draw(6, 42).seed_everything()
    assert numbers() == first
    Draw(3, 43).seed_everything()
    second = numbers()
    assert all(a != b for a, b in zip(first, second, strict=True))


@pytest.mark.usefixtures('keep_generators')
def test_the_largest_seed_is_accepted():
    Draw(0, 2**32 - 1).seed_everything()
