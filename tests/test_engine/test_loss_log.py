import itertools

import numpy as np
import pytest
import torch
from mmengine.dataset import InfiniteSampler
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmseg_incremental.engine import LossLog, NonFiniteLossError, loss_log
from mmseg_incremental.sequence import load_checkpoint

PICTURES = torch.randn(13, 1, generator=torch.Generator().manual_seed(0))
NAMES = itertools.count()


class Line(BaseModel):
    """Logs tensors of several kinds, a float and a value that changes its name."""

    def __init__(self, nan_at=None):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.nan_at, self.iteration = nan_at, 0

    def forward(self, inputs, mode):
        return dict(loss_line=self.layer(inputs).square().mean())

    def parse_losses(self, losses):
        self.iteration += 1
        loss, log = super().parse_losses(losses)
        if self.nan_at and self.iteration >= self.nan_at:
            log['loss_line'] = log['loss_line'] * float('nan')
        log.update(
            acc=torch.tensor([self.iteration]),
            half=loss.detach().bfloat16(),
            plain=0.1 * self.iteration,
            array=np.array([0.3]),
        )
        if self.iteration % 2:
            log['odd'] = loss.double() / 3
        return loss, log


class Watch(Hook):
    """Notes how often values were read, and whether readers get all values."""

    priority = 'LOW'  # as a reader: after LoggerHook, before CheckpointHook

    def __init__(self, readers):
        self.readers, self.reads, self.by_iter = readers, [], []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.before = len(self.reads)  # the sampler reads its own tensors

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.by_iter.append(len(self.reads) - self.before)
        if runner.iter + 1 in self.readers:
            assert len(losses(runner)) == runner.iter + 1


def losses(runner):
    return runner.message_hub.get_scalar('train/loss').data[0]


def collate(items):
    return dict(inputs=torch.stack(items))


@pytest.fixture
def counted(monkeypatch):
    """Every reading of a tensor."""
    reads = []

    def count(name):
        read = getattr(torch.Tensor, name)

        def reading(self):
            reads.append(name)
            return read(self)

        monkeypatch.setattr(torch.Tensor, name, reading)

    for name in ('item', 'tolist', '__float__', '__bool__', '__int__'):
        count(name)
    return reads


@pytest.fixture
def on_device(monkeypatch):
    """Values that are to be read as if they were on an accelerator."""
    monkeypatch.setattr(loss_log, 'is_free_to_read', lambda value: False)


def train(
    work_dir, hook='LossLog', iters=17, logger=50, checkpoint=500, nan_at=None, watch=None, **more
):
    torch.manual_seed(0)
    loader = DataLoader(PICTURES, 1, sampler=InfiniteSampler(PICTURES, seed=0), collate_fn=collate)
    runner = Runner(
        model=Line(nan_at),
        work_dir=str(work_dir),
        train_dataloader=loader,
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=iters),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.5)),
        default_hooks=dict(
            runtime_info=dict(type=hook),
            logger=dict(type='LoggerHook', interval=logger, log_metric_by_epoch=False),
            checkpoint=dict(
                type='CheckpointHook', by_epoch=False, interval=checkpoint, save_last=False
            ),
        ),
        custom_hooks=[watch] if watch else [],
        log_processor=dict(by_epoch=False),
        log_level='ERROR',
        experiment_name=f'loss_log_{next(NAMES)}',
        default_scope='mmseg',
        **more,
    )
    runner.train()
    return runner


def histories(runner):
    return {
        name: buffer.data
        for name, buffer in runner.message_hub.log_scalars.items()
        if 'time' not in name
    }


@pytest.mark.parametrize(('logger', 'checkpoint'), [(50, 500), (5, 500), (4, 7), (50, -1)])
def test_message_hub_ends_with_the_same_histories(logger, checkpoint, on_device, tmp_path):
    one = train(tmp_path / 'ours', logger=logger, checkpoint=checkpoint)
    other = train(tmp_path / 'mmengine', 'RuntimeInfoHook', logger=logger, checkpoint=checkpoint)
    assert any(type(hook) is LossLog for hook in one.hooks)
    one, other = histories(one), histories(other)
    assert list(one) == list(other)
    assert {'train/loss', 'train/plain', 'train/odd', 'train/lr', 'train/acc'} <= set(one)
    for name, values in one.items():
        for ours, theirs in zip(values, other[name], strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=name)


def test_nothing_is_read_between(counted, on_device, tmp_path):
    # 13 is the end of the data, where LoggerHook writes too
    watch = Watch(readers={4, 8, 10, 12, 13, 16, 17})
    watch.reads = counted
    train(tmp_path, logger=4, watch=watch)
    # float32, bfloat16, int64 and float64 in one transfer
    assert {n: count for n, count in enumerate(watch.by_iter, 1) if count} == dict.fromkeys(
        (4, 8, 10, 12, 13, 16, 17), 1
    )


def test_values_on_the_cpu_are_read_at_once(tmp_path):
    train(tmp_path, watch=Watch(readers=set(range(1, 18))))


def test_checkpoint_holds_all_values_so_far(on_device, tmp_path):
    train(tmp_path, checkpoint=7)
    for iters in (7, 14):
        saved = load_checkpoint(tmp_path / f'iter_{iters}.pth', training_state=True)
        history = saved['message_hub']['log_scalars']['train/loss'].data[0]
        assert len(history) == iters


def test_resumed_run_goes_on_with_the_histories(on_device, tmp_path):
    whole = train(tmp_path / 'whole', checkpoint=7)
    train(tmp_path / 'parts', checkpoint=7, iters=9)
    resumed = train(
        tmp_path / 'parts', checkpoint=7, resume=True, load_from=f'{tmp_path}/parts/iter_7.pth'
    )
    np.testing.assert_array_equal(losses(resumed), losses(whole))


@pytest.mark.parametrize(
    ('logger', 'checkpoint', 'stops_at'), [(5, 5, 5), (50, 500, 10), (50, 4, 4), (3, 500, 3)]
)
def test_late_reading_stops_with_the_first_spoilt_iteration(
    logger, checkpoint, stops_at, on_device, tmp_path
):
    watch = Watch(readers=set())
    with pytest.raises(NonFiniteLossError, match=r'^iteration 3: the loss is not finite') as caught:
        train(tmp_path, logger=logger, checkpoint=checkpoint, nan_at=3, watch=watch)
    assert 'loss_line=nan' in str(caught.value)
    assert 'acc' not in str(caught.value)
    assert len(watch.by_iter) == stops_at - 1
    assert not list(tmp_path.glob('iter_*.pth'))


def test_loss_of_another_process_stops_this_one_too(tmp_path, monkeypatch):
    monkeypatch.setattr(loss_log, 'all_gather_object', lambda own: [own, True])
    with pytest.raises(NonFiniteLossError, match='the loss of another process is not finite'):
        train(tmp_path, iters=1, checkpoint=1)
    assert not list(tmp_path.rglob('*.pth'))


def test_on_the_cpu_an_error_comes_at_once(tmp_path):
    watch = Watch(readers=set())
    with pytest.raises(NonFiniteLossError, match=r'^iteration 3:'):
        train(tmp_path, checkpoint=2, nan_at=3, watch=watch)
    assert len(watch.by_iter) == 2
    assert [path.name for path in tmp_path.glob('iter_*.pth')] == ['iter_2.pth']


class Stop(Hook):
    """Ends the training early, as EarlyStoppingHook does."""

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        runner.train_loop.stop_training = runner.iter + 1 == 4


def test_early_stop_leaves_nothing_unread(on_device, tmp_path):
    assert len(losses(train(tmp_path, watch=Stop()))) == 4


def test_evaluation_sees_all_values(on_device):
    class Hub(dict):
        update_scalar = dict.__setitem__

        def get_info(self, name):
            return 'train'

        def update_info(self, name, value):
            assert self['train/loss'] == 2.0

    runner = type('Runner', (), dict(iter=0, max_iters=9, hooks=[], message_hub=Hub()))()
    runner.train_dataloader = range(9)
    hook = LossLog()
    hook.after_train_iter(runner, 0, outputs=dict(loss=torch.tensor(2.0)))
    assert not runner.message_hub
    hook.before_val(runner)
