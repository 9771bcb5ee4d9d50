import csv
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from tiny import leaf, run_tool

from mmseg_incremental.apis import load_sequence
from mmseg_incremental.errors import InputError
from mmseg_incremental.experiments import fit_batch as module
from mmseg_incremental.experiments import training_trial
from mmseg_incremental.experiments.fit_batch import (
    NothingFitsError,
    fit_batch,
    largest_batch,
    memory_budget,
)
from mmseg_incremental.experiments.training_trial import (
    Measurement,
    peak_memory_gb,
    try_on_cpu,
    try_on_cuda,
)


def config(step=0, **options):
    """Config of a step of the small leaf."""
    return load_sequence(leaf(), {'backbone_weights': None, **options}).step(step).config


def search(limit, max_batch, smallest=2):
    """The batch found, and all that were asked for, on a machine that holds ``limit``."""
    asked = []

    def fits(batch):
        assert batch not in asked
        asked.append(batch)
        return batch <= limit

    return largest_batch(fits, max_batch, smallest), asked


@pytest.mark.parametrize('max_batch', [2, 3, 16, 41, 64, 1000])
@pytest.mark.parametrize('limit', [2, 3, 4, 5, 15, 16, 17, 31, 40, 63, 64, 100])
def test_search_finds_the_largest_batch_without_risky_or_needless_trials(limit, max_batch):
    found, asked = search(limit, max_batch)
    assert found == min(limit, max_batch)
    assert max(asked) <= max_batch
    assert len(asked) <= 2 * np.log2(limit) + 2
    for place, batch in enumerate(asked[1:], 1):
        assert batch <= 2 * max(b for b in asked[:place] if b <= limit)


def test_search_says_when_nothing_fits():
    assert search(limit=1, max_batch=64) == (None, [2])


def test_search_may_begin_anywhere():
    assert search(limit=1, max_batch=8, smallest=1) == (1, [1, 2])


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)


@pytest.mark.usefixtures('no_gpu')
@pytest.mark.parametrize(
    ('wish', 'text'),
    [(None, 'such as --memory-gb 4'), (0.0, 'must be above 0'), (float('nan'), 'must be above 0')],
)
def test_budget_that_cannot_be(wish, text):
    with pytest.raises(InputError, match=text):
        memory_budget(wish)


@pytest.mark.usefixtures('no_gpu')
def test_largest_batch_becomes_a_row(monkeypatch):
    """Memory is 1 GB and 0.25 GB per picture, speed 8 pictures per second."""
    seen = []

    def fake(cfg, batch, budget_gb):
        seen.append(cfg)
        measured = Measurement(memory_gb=1 + 0.25 * batch, seconds=batch / 8)
        return measured if measured.memory_gb <= budget_gb else None

    monkeypatch.setattr(module, 'try_on_cpu', fake)
    cfg = config()
    before = cfg.to_dict()
    trials = []
    fit = fit_batch(cfg, 48, 2.6, on_trial=lambda *trial: trials.append(trial))
    assert (fit.crop, fit.batch, fit.memory_gb, fit.images_per_second) == (48, 6, 2.5, 8)
    assert fit.share == pytest.approx(2.5 / 2.6)
    assert [(batch, measured is not None) for batch, measured in trials] == [
        (2, True), (4, True), (8, False), (6, True), (7, False)
    ]  # fmt: skip
    assert seen[0].model.data_preprocessor.size == (48, 48)
    assert cfg.to_dict() == before


@pytest.mark.usefixtures('no_gpu')
@pytest.mark.parametrize(
    ('arguments', 'text'),
    [
        (dict(crop=0), 'at least 1 pixel'),
        (dict(crop=32, max_batch=1), '--max-batch must be at least 2'),
    ],
)
def test_arguments_that_cannot_be(arguments, text):
    with pytest.raises(InputError, match=text):
        fit_batch(config(), budget_gb=4, **arguments)


def test_later_step_is_measured_with_its_old_model_and_the_maps_of_its_loss():
    cfg = config(1, **{'method.loss': dict(type='DistancePenalizedCrossEntropy')})
    model = training_trial._build_model(cfg, torch.device('cpu'))
    seen, old = model.decode_head.num_classes, model.old_model.decode_head.num_classes
    assert 0 < old < seen
    batch = training_trial._random_batch(3, (16, 24), model)
    assert len(batch['inputs']) == len(batch['data_samples']) == 3
    sample = batch['data_samples'][0]
    assert sample.gt_sem_seg.shape == sample.gt_distance_map.shape == (16, 24)
    assert sample.gt_sem_seg.data.max() == seen - 1


def test_no_weights_are_needed():
    cfg = config(backbone_weights='absent.pth')
    assert 'absent.pth' in cfg.pretty_text
    training_trial._build_model(cfg, torch.device('cpu'))


def test_peak_memory_keeps_what_was_freed():
    script = 'b = bytearray(2**28); b = None; print(flush=True); input()'  # a quarter of a GB
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with subprocess.Popen([sys.executable, '-c', script], **pipes) as process:
        process.stdout.readline()
        assert 0.25 < peak_memory_gb(process.pid) < 0.3
        process.stdin.close()


@pytest.mark.parametrize(
    'error',
    [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")],
)
def test_refused_memory_is_a_batch_that_does_not_fit(monkeypatch, error):
    class Sender:
        sent: list = []  # noqa: RUF012

        def send(self, answer):
            self.sent.append(answer)

    def train(*args):
        raise error

    monkeypatch.setattr(signal, 'signal', lambda *args: None)
    monkeypatch.setattr(training_trial, '_train', train)
    sender = Sender()
    training_trial._child(sender, {}, 2, torch.get_num_threads())
    assert sender.sent.pop() is None


@pytest.fixture
def tiny_step():
    return config(crop_size=32)


def test_trial_that_the_kernel_ends_is_a_batch_that_does_not_fit(monkeypatch, tiny_step):
    def kill(pid):
        os.kill(pid, signal.SIGKILL)
        return 0

    monkeypatch.setattr(training_trial, 'peak_memory_gb', kill)
    assert try_on_cpu(tiny_step, 2, 4) is None


def test_trial_whose_peak_was_seen_by_itself_only_does_not_fit(monkeypatch, tiny_step):
    monkeypatch.setattr(training_trial, 'peak_memory_gb', lambda pid: 0)
    assert try_on_cpu(tiny_step, 2, 0.5) is None


def test_trial_that_fails_for_another_reason_is_an_error(tiny_step):
    with pytest.raises(RuntimeError, match='batch 1 failed'):
        try_on_cpu(tiny_step, 1, 4)  # one value per channel is no batch to normalise


@pytest.mark.usefixtures('no_gpu')
def test_budget_too_small_for_anything():
    with pytest.raises(NothingFitsError, match=r'crop 32: not even batch 2.* fits 0\.1 GB'):
        fit_batch(config(), 32, 0.1)


@pytest.mark.usefixtures('no_gpu')
def test_real_trials_of_a_distilling_step():
    trials = []
    fit = fit_batch(
        config(1, method='ilt'), 32, 4, max_batch=3, on_trial=lambda *t: trials.append(t)
    )
    assert (fit.crop, fit.batch) == (32, 3)
    assert 0.3 < fit.memory_gb < 4
    assert fit.share == pytest.approx(fit.memory_gb / 4)
    assert fit.images_per_second > 0
    assert [batch for batch, _ in trials] == [2, 3]


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason='measures the GPU where there is one')
def test_command_prints_the_table_and_writes_it(tmp_path):
    out = tmp_path / 'table.csv'
    arguments = ('--crops', 32, 4096, '--memory-gb', 1.4, '--max-batch', 2, '--out', out)
    done = run_tool('analysis_tools/fit_batch', leaf(), *arguments)
    assert done.returncode == 1
    assert 'crop 32, batch 2: fits' in done.stdout
    assert 'crop 4096, batch 2: does not fit' in done.stdout
    assert 'error: crop 4096: not even batch 2' in done.stderr
    assert 'images/s' in done.stdout
    with out.open() as file:
        (row,) = csv.DictReader(file)
    assert (row['crop'], row['batch']) == ('32', '2')
    assert float(row['share']) == pytest.approx(float(row['memory GB']) / 1.4, abs=1e-3)


@pytest.mark.skipif(torch.cuda.is_available(), reason='a GPU gives its own limit')
def test_command_asks_for_a_limit_without_a_gpu():
    done = run_tool('analysis_tools/fit_batch', leaf())
    assert done.returncode == 1
    assert done.stderr.startswith('error: there is no GPU')
    assert done.stderr.count('\n') == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
def test_trials_on_a_gpu_stay_in_the_budget_and_leave_nothing_behind():
    cfg = config(crop_size=128)
    assert 0 < try_on_cuda(cfg, 4, 4).memory_gb <= 4
    assert try_on_cuda(cfg, 4096, 4) is None
    assert torch.cuda.memory_reserved() < 2**28
