"""The losses in pieces against the plain functions on resized logits."""

import itertools
import sys
import threading

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.structures.sampler import OHEMPixelSampler
from torch.nn import functional as F

from mmseg_incremental.models.criterion import FullCriterion, PiecewiseCriterion, piece
from mmseg_incremental.models.criterion.bilinear import bilinear_axis
from mmseg_incremental.models.criterion.channel_groups import ChannelGroups
from mmseg_incremental.models.criterion.logit_losses import logit_losses
from mmseg_incremental.models.criterion.terms import cross_entropy_term, distillation_term
from mmseg_incremental.models.losses import (
    DistancePenalizedCrossEntropy,
    FocalUnbiasedCrossEntropy,
    KnowledgeDistillation,
    UnbiasedCrossEntropy,
    UnbiasedKnowledgeDistillation,
)
from mmseg_incremental.models.pixel_maps import pass_pixel_maps

# the module, not the function that has its name
logit_losses_module = sys.modules[logit_losses.__module__]

pytestmark = pytest.mark.filterwarnings('ignore:Default ``avg_non_ignore`` is False')

SEGMENTATION = {
    'ce': dict(type='CrossEntropyLoss'),
    'unce': dict(type='UnbiasedCrossEntropy'),
    'fuce': dict(type='FocalUnbiasedCrossEntropy', alpha=2.0, gamma=1.5),
    'dpce': dict(type='DistancePenalizedCrossEntropy'),
}
DISTILLATION = {
    'none': [],
    'kd': [dict(type='KnowledgeDistillation', loss_weight=100.0)],
    'unkd': [dict(type='UnbiasedKnowledgeDistillation', loss_weight=10.0)],
    'both': [dict(type='KnowledgeDistillation'), dict(type='UnbiasedKnowledgeDistillation')],
}
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-10}


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    """Several pieces per picture, the last one smaller, at the sizes of these tests."""
    monkeypatch.setitem(piece.PIECE_LOGITS, 'cpu', 7 * 31 * 4)


def make_head(losses, num_channels=7, num_old=4, align_corners=False):
    head = FCNHead(
        in_channels=2, channels=2, num_convs=0, concat_input=False, dropout_ratio=0,
        num_classes=num_channels, align_corners=align_corners, loss_decode=losses,
    )  # fmt: skip
    losses = head.loss_decode
    for loss in losses if isinstance(losses, torch.nn.ModuleList) else [losses]:
        if hasattr(loss, 'num_old'):
            loss.num_old = num_old
    return head


def make_batch(dtype, num_channels=7, num_old=4, size=(23, 31), seed=0, factor=3):
    """Low-resolution logits of both models, labels of all classes, a sixth of them ignored."""
    generator = torch.Generator().manual_seed(seed)
    logits = factor * torch.randn(3, num_channels, 5, 6, generator=generator, dtype=torch.float64)
    old = factor * torch.randn(3, num_old, 5, 6, generator=generator, dtype=torch.float64)
    target = torch.randint(0, num_channels, (3, *size), generator=generator)
    target[torch.rand(target.shape, generator=generator) < 1 / 6] = 255
    maps = torch.rand(target.shape, generator=generator)
    samples = [
        SegDataSample(
            gt_sem_seg=PixelData(data=label[None]), gt_distance_map=PixelData(data=values[None])
        )
        for label, values in zip(target, maps, strict=True)
    ]
    return logits.to(dtype).requires_grad_(), old.to(dtype), samples


def run(criterion, head, logits, old, samples, terms):
    """Losses by name and the gradient of their sum, each term weighted differently."""
    losses, compared = criterion(head, logits, samples, terms, old)
    values = {name: value for name, value in losses.items() if 'loss' in name}
    values |= {
        f'{i}_{term.loss_name}': v for i, (term, v) in enumerate(zip(terms, compared, strict=True))
    }
    weighted = sum((i + 1) * value for i, value in enumerate(values.values()))
    (gradient,) = torch.autograd.grad(weighted, logits)
    return values, gradient, losses['acc_seg']


def assert_same(head, logits, old, samples, terms):
    losses = head.loss_decode
    losses = list(losses) if isinstance(losses, torch.nn.ModuleList) else [losses]
    with pass_pixel_maps(losses, samples):
        expected = run(FullCriterion(), head, logits, old, samples, terms)
    piecewise = PiecewiseCriterion()
    piecewise.full = None  # nothing else may compute them
    found = run(piecewise, head, logits, old, samples, terms)
    limit = TOLERANCE[logits.dtype]
    assert list(found[0]) == list(expected[0])
    for name, value in expected[0].items():
        assert found[0][name].shape == value.shape == ()
        assert found[0][name].item() == pytest.approx(value.item(), rel=limit), name
    difference = (found[1] - expected[1]).norm() / expected[1].norm()
    assert difference <= limit
    assert found[2].item() == pytest.approx(expected[2].item(), rel=1e-6, abs=1e-4)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize('align_corners', [False, True])
@pytest.mark.parametrize(
    ('loss', 'distillation'), list(itertools.product(SEGMENTATION, DISTILLATION))
)
def test_every_combination_equals_the_plain_functions(loss, distillation, align_corners, dtype):
    head = make_head(SEGMENTATION[loss], align_corners=align_corners)
    terms = [MODELS.build(cfg) for cfg in DISTILLATION[distillation]]
    assert_same(head, *make_batch(dtype), terms)


@pytest.mark.parametrize(('num_channels', 'num_old'), [(4, 4), (5, 4), (9, 1), (2, 1), (151, 101)])
@pytest.mark.parametrize('loss', SEGMENTATION)
def test_any_number_of_new_classes(loss, num_channels, num_old):
    head = make_head(SEGMENTATION[loss], num_channels, num_old)
    data = make_batch(torch.float64, num_channels, num_old)
    assert_same(head, *data, [MODELS.build(cfg) for cfg in DISTILLATION['both']])


@pytest.mark.parametrize('loss', SEGMENTATION)
@pytest.mark.parametrize('avg_non_ignore', [False, True])
@pytest.mark.parametrize('weighted', [False, True])
def test_class_weights_and_divisors(loss, avg_non_ignore, weighted):
    if loss == 'ce' and avg_non_ignore and weighted:
        avg_non_ignore = False  # mmseg's own cross-entropy fails on the two together
    weights = [0.5, 1.0, 2.0, 0.25, 3.0, 1.5, 0.75] if weighted else None
    cfg = dict(SEGMENTATION[loss], avg_non_ignore=avg_non_ignore, class_weight=weights)
    assert_same(make_head(cfg), *make_batch(torch.float64), [])


def test_several_losses_of_one_head():
    losses = [
        dict(type='UnbiasedCrossEntropy', loss_weight=0.3, loss_name='loss_a'),
        dict(type='FocalUnbiasedCrossEntropy', loss_weight=2.0, loss_name='loss_b'),
        dict(type='UnbiasedCrossEntropy', loss_weight=0.1, loss_name='loss_a'),
    ]
    terms = [MODELS.build(cfg) for cfg in DISTILLATION['unkd']]
    assert_same(make_head(losses), *make_batch(torch.float64), terms)


@pytest.mark.parametrize('size', [(5, 6), (3, 4), (40, 48), (1, 1), (41, 7)])
@pytest.mark.parametrize('align_corners', [False, True])
def test_any_size_also_smaller_and_the_same(size, align_corners):
    head = make_head(SEGMENTATION['unce'], align_corners=align_corners)
    logits, old, samples = make_batch(torch.float64, size=size)
    samples[0].gt_sem_seg.data[..., :1] = 5
    assert_same(head, logits, old, samples, [MODELS.build(DISTILLATION['unkd'][0])])


def test_large_differences_of_logits_neither_overflow_nor_vanish():
    data = make_batch(torch.float32, factor=300)
    assert_same(make_head(SEGMENTATION['unce']), *data, [UnbiasedKnowledgeDistillation()])


@pytest.mark.parametrize('loss', SEGMENTATION)
@pytest.mark.parametrize('weighted', [False, True])
def test_void_alone_gives_zero_and_no_gradient(loss, weighted):
    logits, old, samples = make_batch(torch.float32)
    for sample in samples:
        sample.gt_sem_seg.data.fill_(255)
    weights = [0.5, 1.0, 2.0, 0.25, 3.0, 1.5, 0.75] if weighted else None
    # mmseg's own cross-entropy fails on the two together
    cfg = dict(SEGMENTATION[loss], avg_non_ignore=not weighted, class_weight=weights)
    head = make_head(cfg)
    values, gradient, accuracy = run(PiecewiseCriterion(), head, logits, old, samples, [])
    assert [v.item() for v in values.values()] == [0]
    assert not gradient.any()
    losses = [head.loss_decode]
    with pass_pixel_maps(losses, samples):
        assert accuracy == run(FullCriterion(), head, logits, old, samples, [])[2]


@pytest.mark.parametrize(
    'loss',
    [
        UnbiasedCrossEntropy(3),
        UnbiasedCrossEntropy(0),
        FocalUnbiasedCrossEntropy(3, gamma=0.5),
        DistancePenalizedCrossEntropy(3),
    ],
    ids=lambda loss: f'{loss.loss_name}_{loss.num_old}',
)
@pytest.mark.parametrize('distillation', [KnowledgeDistillation, UnbiasedKnowledgeDistillation])
def test_gradcheck(loss, distillation):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 5, 3, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    old = torch.randn(2, 3, 3, 2, generator=generator, dtype=torch.float64)
    target = torch.randint(0, 5, (2, 7, 9), generator=generator)
    target[:, 0] = 255
    maps = {name: torch.rand(target.shape, generator=generator) for name in loss.pixel_maps}
    terms = [
        cross_entropy_term(loss, target, 255, maps),
        distillation_term(distillation(), target.numel(), 3),
    ]
    assert torch.autograd.gradcheck(
        lambda z: logit_losses(z, target, terms, old, 3)[0], logits, eps=1e-6, atol=1e-7
    )


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_logits_give_the_float32_losses(dtype):
    logits, old, samples = make_batch(torch.float32)
    short, old = logits.detach().to(dtype).requires_grad_(), old.to(dtype)
    head, terms = make_head(SEGMENTATION['unce']), [UnbiasedKnowledgeDistillation()]
    criterion = PiecewiseCriterion()
    same = short.detach().float().requires_grad_()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = run(criterion, head, short, old, samples, terms)
    expected = run(criterion, head, same, old.float(), samples, terms)
    for name, value in expected[0].items():
        assert found[0][name].dtype == torch.float32
        assert found[0][name].item() == value.item()
    assert found[1].dtype == dtype
    assert torch.equal(found[1], expected[1].to(dtype))


def test_lowered_matmul_precision_elsewhere_changes_nothing():
    head, data = make_head(SEGMENTATION['unce']), make_batch(torch.float32)
    expected = run(PiecewiseCriterion(), head, *data, [])
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision('medium')
    try:
        found = run(PiecewiseCriterion(), head, *data, [])
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


class CountingCriterion(FullCriterion):
    def __init__(self):
        self.calls = 0

    def __call__(self, *args):
        self.calls += 1
        return super().__call__(*args)


@pytest.mark.parametrize(
    'change',
    ['sampler', 'lovasz', 'sigmoid', 'no_map', 'other_num_old', 'own_distillation'],
)
def test_what_needs_all_logits_gets_them(change):
    logits, old, samples = make_batch(torch.float32)
    losses, terms = [SEGMENTATION['unce']], []
    if change == 'lovasz':
        losses += [dict(type='LovaszLoss', reduction='none')]
    elif change == 'sigmoid':
        losses = [dict(type='CrossEntropyLoss', use_sigmoid=True)]
    elif change == 'no_map':
        losses = [SEGMENTATION['dpce']]
        for sample in samples:
            del sample.gt_distance_map
    head = make_head(losses)
    if change == 'sampler':
        head.sampler = OHEMPixelSampler(head, thresh=0.7, min_kept=10)
    elif change == 'other_num_old':
        head.loss_decode[0].num_old = 2
        terms = [KnowledgeDistillation()]
    elif change == 'own_distillation':
        terms = [KnowledgeDistillation()]
        terms[0].log_sum_weights = None
    criterion = PiecewiseCriterion()
    criterion.full = CountingCriterion()
    expected = run(FullCriterion(), head, logits, old, samples, terms)
    found = run(criterion, head, logits, old, samples, terms)
    assert criterion.full.calls == 1
    assert found[0] == expected[0]
    assert torch.equal(found[1], expected[1])


class HalfCrossEntropy(UnbiasedCrossEntropy):
    def compute(self, logits, target, **options):
        return super().compute(logits, target, **options) / 2


class HalfDistillation(KnowledgeDistillation):
    def forward(self, student, old):
        return super().forward(student, old) / 2


def test_a_subclass_with_another_formula_is_not_taken_for_its_parent():
    logits, old, samples = make_batch(torch.float64)
    head, terms = make_head(SEGMENTATION['unce']), [HalfDistillation()]
    head.loss_decode = HalfCrossEntropy(4)
    for chosen in (terms, []):
        expected = run(FullCriterion(), head, logits, old, samples, chosen)
        found = run(PiecewiseCriterion(), head, logits, old, samples, chosen)
        assert found[0] == expected[0]
    head.loss_decode = UnbiasedCrossEntropy(4)
    expected = run(FullCriterion(), head, logits, old, samples, terms)
    assert run(PiecewiseCriterion(), head, logits, old, samples, terms)[0] == expected[0]


def test_labels_outside_the_channels_are_refused():
    logits, old, samples = make_batch(torch.float32)
    samples[1].gt_sem_seg.data[0, 3, 3] = 7
    with pytest.raises(RuntimeError, match='out of bounds'):
        run(PiecewiseCriterion(), make_head(SEGMENTATION['unce']), logits, old, samples, [])


def test_old_logits_of_more_classes_are_refused():
    logits, old, samples = make_batch(torch.float32, num_channels=3, num_old=4)
    head = make_head(SEGMENTATION['ce'], num_channels=3)
    with pytest.raises(ValueError, match='old model must have 1 to 3 channels'):
        run(PiecewiseCriterion(), head, logits, old, samples, [KnowledgeDistillation()])


def test_nothing_is_computed_for_a_gradient_that_nobody_asks_for(monkeypatch):
    monkeypatch.delattr(ChannelGroups, 'gradient')
    logits, _, samples = make_batch(torch.float32)
    with torch.no_grad():
        losses, _ = PiecewiseCriterion()(make_head(SEGMENTATION['unce']), logits, samples)
    assert not losses['loss_unce'].requires_grad


def test_one_thread_per_picture_gives_the_same_and_leaves_the_threads_alone(monkeypatch):
    logits, old, samples = make_batch(torch.float64)
    head, terms = make_head(SEGMENTATION['unce']), [UnbiasedKnowledgeDistillation()]
    expected = run(PiecewiseCriterion(), head, logits, old, samples, terms)
    used = set()
    whole = logit_losses_module._compute_piece

    def watched(*args):
        used.add((threading.current_thread().name, torch.get_num_threads()))
        return whole(*args)

    monkeypatch.setattr(logit_losses_module, '_compute_piece', watched)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = run(PiecewiseCriterion(), head, logits, old, samples, terms)
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
        logits, old, samples = make_batch(torch.float64, 11, num_old, seed=step)
        head = make_head(SEGMENTATION['unce'], 11, num_old)
        for terms in ([UnbiasedKnowledgeDistillation()], []):
            expected = run(FullCriterion(), head, logits, old, samples, terms)
            found = run(PiecewiseCriterion(compiled=True), head, logits, old, samples, terms)
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
