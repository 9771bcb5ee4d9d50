"""What is special to the fused way: pieces, threads, precision, compilation."""

import sys
import threading
from functools import partial

import pytest
import torch
from criterion_ways import SEGMENTATION, full, fused, make_batch, make_head, run
from mmseg.registry import MODELS
from torch.nn import functional as F

from mmseg_incremental.models.criterion.fused import piece
from mmseg_incremental.models.criterion.fused.bilinear import bilinear_axis
from mmseg_incremental.models.criterion.fused.channel_groups import ChannelGroups
from mmseg_incremental.models.criterion.fused.logit_losses import logit_losses
from mmseg_incremental.models.losses import UnbiasedKnowledgeDistillation

# the module, not the function that has its name
logit_losses_module = sys.modules[logit_losses.__module__]


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    """Several pieces per picture, the last one smaller, at the sizes of these tests."""
    monkeypatch.setitem(piece.PIECE_LOGITS, 'cpu', 7 * 31 * 4)


@pytest.mark.parametrize(
    'config',
    [
        dict(type='UnbiasedCrossEntropy', num_old=3),
        dict(type='UnbiasedCrossEntropy', num_old=3, old_labels='kept'),
        dict(type='UnbiasedCrossEntropy', num_old=0),
        dict(type='FocalUnbiasedCrossEntropy', num_old=3, gamma=0.5),
        dict(type='DistancePenalizedCrossEntropy', num_old=3),
    ],
    ids=lambda config: '-'.join(str(value) for value in config.values()),
)
@pytest.mark.parametrize('distillation', ['KnowledgeDistillation', 'UnbiasedKnowledgeDistillation'])
def test_gradcheck(config, distillation):
    logits, old, batch = make_batch(torch.float64, 5, 3, size=(7, 9), weight=(7, 9))
    batch.target[:, 0] = 255
    head, terms = make_head(config, 5), [MODELS.build(dict(type=distillation))]

    def values(z):
        losses, compared = fused(head, z, batch, terms, old[..., :3, :2])
        return [value for name, value in losses.items() if 'loss' in name] + compared

    logits = logits[..., :3, :2].detach().requires_grad_()
    assert torch.autograd.gradcheck(values, logits, eps=1e-6, atol=1e-7)


def test_lowered_matmul_precision_elsewhere_changes_nothing():
    head, data = make_head(SEGMENTATION['unce']), make_batch(torch.float32)
    expected = run(fused, head, *data)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision('medium')
    try:
        found = run(fused, head, *data)
        assert torch.get_float32_matmul_precision() == 'medium'
    finally:
        torch.set_float32_matmul_precision(before)
    assert torch.equal(found[1], expected[1])


@pytest.mark.parametrize('source', [1, 2, 5])
@pytest.mark.parametrize('size', [1, 4, 13])
@pytest.mark.parametrize('align_corners', [False, True])
def test_bilinear_axis_is_that_of_interpolate(source, size, align_corners):
    row = torch.randn(1, 1, 1, source, dtype=torch.float64)
    expected = F.interpolate(row, (1, size), mode='bilinear', align_corners=align_corners)
    axis = bilinear_axis(source, size, align_corners, torch.float64, torch.device('cpu'))
    torch.testing.assert_close(row[0, 0] @ axis.matrix.T, expected[0, 0])
    for start in range(size):
        part, read = axis.rows(start, size)
        torch.testing.assert_close(part @ row[0, 0, 0, read], expected[0, 0, 0, start:])


def test_nothing_is_computed_for_a_gradient_that_nobody_asks_for(monkeypatch):
    monkeypatch.delattr(ChannelGroups, 'gradient')
    logits, _, batch = make_batch(torch.float32)
    with torch.no_grad():
        losses, _ = fused(make_head(SEGMENTATION['unce']), logits, batch)
    assert not losses['loss_unce'].requires_grad


def test_one_thread_per_picture_gives_the_same_and_leaves_the_threads_alone(monkeypatch):
    logits, old, batch = make_batch(torch.float64)
    head, terms = make_head(SEGMENTATION['unce']), [UnbiasedKnowledgeDistillation()]
    expected = run(fused, head, logits, old, batch, terms)
    used = set()
    whole = logit_losses_module._compute_piece

    def watched(*args):
        used.add((threading.current_thread().name, torch.get_num_threads()))
        return whole(*args)

    monkeypatch.setattr(logit_losses_module, '_compute_piece', watched)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = run(fused, head, logits, old, batch, terms)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert {name.rsplit('_')[0] for name, _ in used} == {'criterion'}
    assert {number for _, number in used} == {1}
    assert found[0] == expected[0]
    assert torch.equal(found[1], expected[1])


@pytest.mark.slow
@torch._dynamo.config.patch(recompile_limit=64)  # at which it would stop to compile
def test_compiled_piece_is_the_same_and_compiled_once_for_all_steps():
    torch._dynamo.reset()
    graphs = []
    for step in range(6):
        num_old = 3 + step
        logits, old, batch = make_batch(torch.float64, 11, num_old, seed=step)
        head = make_head(dict(SEGMENTATION['unce'], num_old=num_old), 11)
        for terms in ([UnbiasedKnowledgeDistillation()], []):
            expected = run(full, head, logits, old, batch, terms)
            found = run(partial(fused, compiled=True), head, logits, old, batch, terms)
            torch.testing.assert_close(found[1], expected[1], rtol=1e-10, atol=1e-12)
        graphs.append(torch._dynamo.utils.counters['stats']['unique_graphs'])
    assert graphs[0] > 0
    assert graphs[1] == graphs[-1]


@pytest.mark.parametrize('reason', [None, 'no compiler'])
def test_it_is_compiled_where_that_works(reason, monkeypatch):
    """What a GPU decides by, asked on the CPU."""
    monkeypatch.setattr(logit_losses_module, 'compile_error', lambda device: reason)
    can_compile = logit_losses_module._can_compile.__wrapped__  # without what was found before
    assert can_compile(torch.device('cpu')) is (reason is None)
