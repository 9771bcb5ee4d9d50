"""Evaluation batches: pictures of one size, each once, whatever the number of processes."""

import numpy as np
import pytest
from mmengine.dataset import DefaultSampler
from mmengine.runner import Runner
from mmseg.registry import DATA_SAMPLERS

from mmseg_incremental.datasets import IncrementalVOCDataset, same_size_batch_sampler
from mmseg_incremental.errors import InputError

WIDE, TALL, SMALL = (6, 8), (8, 6), (4, 4)
SIZES = [WIDE, WIDE, TALL, WIDE, SMALL, TALL, WIDE, WIDE, TALL]
BATCHES_OF_2 = [[0, 1], [2, 5], [3, 6], [4], [7], [8]]


class Pictures:
    """A data set that knows its sizes and nothing else."""

    def __init__(self, sizes=SIZES):
        self.sizes = sizes

    def __len__(self):
        return len(self.sizes)

    def picture_sizes(self):
        return self.sizes


def build(dataset, batch_size):
    sampler = DefaultSampler(dataset, shuffle=False, seed=0, round_up=False)
    return DATA_SAMPLERS.build(
        dict(type='SameSizeBatchSampler', sampler=sampler, batch_size=batch_size)
    )


@pytest.fixture
def on_rank(monkeypatch):
    def build_on(rank, world_size, dataset, batch_size):
        monkeypatch.setattr(same_size_batch_sampler, 'get_dist_info', lambda: (rank, world_size))
        return build(dataset, batch_size)

    return build_on


@pytest.mark.parametrize(
    ('batch_size', 'expected'),
    [
        (1, [[i] for i in range(9)]),
        (2, BATCHES_OF_2),
        (3, [[0, 1, 3], [2, 5, 8], [4], [6, 7]]),
        (99, [[0, 1, 3, 6, 7], [2, 5, 8], [4]]),
    ],
)
def test_hand_made_batches(batch_size, expected):
    batches = build(Pictures(), batch_size)
    assert list(batches) == expected
    assert len(batches) == len(expected)
    assert list(batches) == expected, 'a second pass is the same'


@pytest.mark.parametrize('world_size', [1, 2, 3, 4, 20])
@pytest.mark.parametrize('batch_size', [1, 2, 3, 8])
def test_processes_share_the_batches_of_one(on_rank, world_size, batch_size):
    rng = np.random.default_rng(world_size)
    dataset = Pictures([(WIDE, TALL, SMALL)[i] for i in rng.integers(0, 3, 31)])
    whole = list(build(dataset, batch_size))
    shares = []
    for rank in range(world_size):
        share = on_rank(rank, world_size, dataset, batch_size)
        shares.append(list(share))
        assert len(share) == len(shares[-1])
    assert sorted(batch for share in shares for batch in share) == sorted(whole)
    assert sorted(i for share in shares for batch in share for i in batch) == list(range(31))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    for batch in whole:
        assert len({dataset.sizes[i] for i in batch}) == 1
        assert batch == sorted(batch)


def test_only_the_last_batch_of_a_size_is_short():
    dataset = Pictures()
    short = [dataset.sizes[b[0]] for b in build(dataset, 2) if len(b) < 2]
    assert sorted(short) == sorted(set(short))


@pytest.mark.parametrize('batch_size', [0, -1])
def test_refuses_batches_of_no_picture(batch_size):
    with pytest.raises(InputError, match='must be at least 1'):
        build(Pictures(), batch_size)


def test_refuses_a_data_set_without_sizes():
    with pytest.raises(InputError, match=r'range has no picture_sizes\(\); use a StepDataset'):
        build(range(4), 2)


def test_in_a_loader_of_mmengine(make_voc):
    masks = {f'p{i}': np.full(size, 1 + i % 2) for i, size in enumerate(SIZES)}
    root = make_voc(masks)
    loader = Runner.build_dataloader(
        dict(
            batch_size=2,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
            batch_sampler=dict(type='SameSizeBatchSampler'),
            dataset=dict(
                type='IncrementalVOCDataset',
                task=dict(dataset='mine', name='1-1', classes=['a', 'b']),
                step=1,
                data_root=str(root),
                test_mode=True,
                pipeline=[
                    dict(type='LoadImageFromFile'),
                    dict(type='LoadAnnotations'),
                    dict(type='PackSegInputs'),
                ],
            ),
        ),
        seed=0,
    )
    assert isinstance(loader.dataset, IncrementalVOCDataset)
    assert len(loader) == len(BATCHES_OF_2)
    for batch, expected in zip(loader, BATCHES_OF_2, strict=True):
        names = [s.img_path.rpartition('/')[2] for s in batch['data_samples']]
        assert names == [f'p{i}.jpg' for i in expected]
        assert {tuple(image.shape) for image in batch['inputs']} == {(3, *SIZES[expected[0]])}
