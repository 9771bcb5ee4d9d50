from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import InfiniteSampler
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmseg.registry import LOOPS
from torch.utils.data import DataLoader

from mmseg_incremental.engine import IncrementalTrainLoop


class Pictures(torch.utils.data.Dataset):
    def __init__(self, number):
        self.number = number

    def __len__(self):
        return self.number

    def __getitem__(self, index):
        return torch.tensor([float(index)])


def loader(number, batch_size):
    pictures = Pictures(number)
    return DataLoader(pictures, batch_size, sampler=InfiniteSampler(pictures, seed=0))


@pytest.mark.parametrize(
    ('world_size', 'length', 'expected'),
    [
        (1, dict(epochs=3), 3 * 5),
        (2, dict(epochs=3), 3 * 2),
        (4, dict(epochs=3), 3 * 1),
        (8, dict(epochs=3), 3 * 1),
        (2, dict(iters=4), 4),
    ],
)
def test_length_counts_the_pictures_of_all_processes(world_size, length, expected):
    runner = SimpleNamespace(world_size=world_size, visualizer=SimpleNamespace())
    loop = LOOPS.build(
        dict(type='IncrementalTrainLoop', **length),
        default_args=dict(runner=runner, dataloader=loader(20, 4)),
    )
    assert type(loop) is IncrementalTrainLoop
    assert loop.max_iters == expected


class Line(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, inputs, mode):
        return dict(loss=self.layer(inputs).square().mean())


class Watch(Hook):
    """Notes the learning rate and the size of every batch."""

    def __init__(self):
        self.rates, self.sizes = [], []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.rates.append(runner.optim_wrapper.get_lr()['lr'][0])
        self.sizes.append(len(data_batch['inputs']))


def collate(items):
    return dict(inputs=torch.stack(items))


def run(tmp_path, number, batch_size, **options):
    watch, pictures = Watch(), Pictures(number)
    runner = Runner(
        model=Line(),
        work_dir=str(tmp_path),
        train_dataloader=DataLoader(
            pictures, batch_size, sampler=InfiniteSampler(pictures, seed=0), collate_fn=collate
        ),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.5)),
        param_scheduler=[dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False)],
        custom_hooks=[watch],
        log_level='ERROR',
        experiment_name=f'{tmp_path.name}_{len(options)}',
        default_scope='mmseg',
        **options,
    )
    runner.train()
    assert runner.iter == len(watch.rates)
    return watch


@pytest.mark.parametrize(
    ('number', 'length', 'expected'),
    [
        (11, dict(epochs=3), 6),
        (2, dict(epochs=3), 3),
        (11, dict(iters=5), 5),
        (3, dict(iters=1), 1),
    ],
)
def test_every_batch_is_full_and_the_rate_falls_to_the_end(number, length, expected, tmp_path):
    watch = run(tmp_path, number, 4, train_cfg=dict(type='IncrementalTrainLoop', **length))
    assert watch.sizes == [4] * expected
    last = max(expected - 1, 1)
    rates = [0.5 * (1 - i / last) ** 0.9 for i in range(expected)]
    assert watch.rates == pytest.approx(rates)
