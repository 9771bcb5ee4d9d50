"""The three ways of the criterion give the same, and each head and loss gets its way."""

import itertools
import weakref

import pytest
import torch
from criterion_ways import (
    DISTILLATION,
    SEGMENTATION,
    TOLERANCE,
    full,
    fused,
    generic,
    make_batch,
    make_head,
    run,
)  # fmt: skip
from mmseg.models.decode_heads import DDRHead, FCNHead, STDCHead
from mmseg.models.losses import CrossEntropyLoss, accuracy
from mmseg.registry import MODELS
from mmseg.structures.sampler import OHEMPixelSampler
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmseg_incremental.errors import InputError
from mmseg_incremental.models.criterion import Criterion, criterion
from mmseg_incremental.models.criterion.fused import piece
from mmseg_incremental.models.losses import (
    DistillationLoss,
    KnowledgeDistillation,
    UnbiasedCrossEntropy,
    UnbiasedKnowledgeDistillation,
)
from mmseg_incremental.models.pixel_batch import PixelBatch

pytestmark = pytest.mark.filterwarnings('ignore:Default ``avg_non_ignore`` is False')


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    """Several pieces per picture, the last one smaller, at the sizes of these tests."""
    monkeypatch.setitem(piece.PIECE_LOGITS, 'cpu', 7 * 31 * 4)


def built(distillation):
    return [MODELS.build(cfg) for cfg in DISTILLATION[distillation]]


def assert_same(head, logits, old, batch, terms=(), ways=(fused, generic)):
    expected = run(full, head, logits, old, batch, terms)
    limit = TOLERANCE[logits.dtype]
    for way in ways:
        found = run(way, head, logits, old, batch, terms)
        assert list(found[0]) == list(expected[0])
        for name, value in expected[0].items():
            assert found[0][name].shape == value.shape == ()
            assert found[0][name].dtype == value.dtype
            assert found[0][name].item() == pytest.approx(value.item(), rel=limit), name
        difference = (found[1] - expected[1]).norm() / expected[1].norm()
        assert difference <= limit
        assert found[2].shape == ()
        assert found[2].item() == pytest.approx(expected[2].item(), rel=1e-6, abs=1e-4)


def ways_of(loss):
    return [generic] if loss == 'bce' else [fused, generic]


# --- the ways give the same ---------------------------------------------------------------------


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize('align_corners', [False, True])
@pytest.mark.parametrize(
    ('loss', 'distillation'), list(itertools.product(SEGMENTATION, DISTILLATION))
)
def test_every_combination(loss, distillation, align_corners, dtype):
    head = make_head(SEGMENTATION[loss], align_corners=align_corners)
    assert_same(head, *make_batch(dtype), built(distillation), ways_of(loss))


@pytest.mark.parametrize(('num_channels', 'num_old'), [(4, 4), (5, 4), (9, 1), (2, 1), (151, 101)])
@pytest.mark.parametrize('loss', SEGMENTATION)
def test_any_number_of_new_classes(loss, num_channels, num_old):
    if loss == 'bce' and num_channels == num_old:
        num_channels += 1  # without a new channel nothing is learnt
    cfg = SEGMENTATION[loss] if loss == 'ce' else dict(SEGMENTATION[loss], num_old=num_old)
    data = make_batch(torch.float64, num_channels, num_old)
    assert_same(make_head(cfg, num_channels), *data, built('both'), ways_of(loss))


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize('loss', SEGMENTATION)
@pytest.mark.parametrize('avg_non_ignore', [False, True])
@pytest.mark.parametrize('by_class', [False, True])
@pytest.mark.parametrize('weight', [None, (23, 31), (1, 1)], ids=str)
def test_weights_and_divisors(loss, avg_non_ignore, by_class, weight, dtype):
    if loss == 'ce' and avg_non_ignore and by_class:
        avg_non_ignore = False  # mmseg's own cross-entropy fails on the two together
    weights = [0.3, 1.0, 2.0, 0.7, 3.0, 1.5, 0.6] if by_class else None
    cfg = dict(SEGMENTATION[loss], avg_non_ignore=avg_non_ignore, class_weight=weights)
    data = make_batch(dtype, weight=weight)
    assert_same(make_head(cfg), *data, built('kd'), ways_of(loss))


def test_mmsegs_cross_entropy_divides_by_the_weights_of_its_classes_as_it_is():
    """Where mmseg itself fails, the valid pixels count."""
    weights = [0.3, 1.0, 2.0, 0.7, 3.0, 1.5, 0.6]
    logits, old, batch = make_batch(torch.float64)
    cfg = dict(SEGMENTATION['ce'], class_weight=weights)
    expected = run(full, make_head(cfg), logits, old, batch)[0]['loss_ce']
    head = make_head(dict(cfg, avg_non_ignore=True))
    for way in (fused, generic):
        found = run(way, head, logits, old, batch)[0]['loss_ce']
        assert found.item() == pytest.approx(expected.item(), rel=1e-10)


def test_several_losses_of_one_head():
    losses = [
        dict(type='UnbiasedCrossEntropy', num_old=4, loss_weight=0.3, loss_name='loss_a'),
        dict(type='FocalUnbiasedCrossEntropy', num_old=4, loss_weight=2.0, loss_name='loss_b'),
        dict(type='UnbiasedCrossEntropy', num_old=4, loss_weight=0.1, loss_name='loss_a'),
        SEGMENTATION['dpce'],
    ]
    assert_same(make_head(losses), *make_batch(torch.float64, weight=(23, 31)), built('unkd'))
    losses.append(SEGMENTATION['bce'])
    assert_same(make_head(losses), *make_batch(torch.float64), built('unkd'), [generic])


@pytest.mark.parametrize('size', [(5, 6), (3, 4), (40, 48), (1, 1), (41, 7)])
@pytest.mark.parametrize('align_corners', [False, True])
def test_any_size_also_smaller_and_the_same(size, align_corners):
    head = make_head(SEGMENTATION['unce'], align_corners=align_corners)
    logits, old, batch = make_batch(torch.float64, size=size)
    batch.target[0, :, :1] = 5
    batch = PixelBatch(batch.samples, batch.target)
    for sample, label in zip(batch.samples, batch.target, strict=True):
        sample.gt_sem_seg.data = label[None]
    assert_same(head, logits, old, batch, built('unkd'))


def test_large_differences_of_logits_neither_overflow_nor_vanish():
    data = make_batch(torch.float32, factor=300)
    assert_same(make_head(SEGMENTATION['unce']), *data, [UnbiasedKnowledgeDistillation()])


@pytest.mark.parametrize('loss', SEGMENTATION)
@pytest.mark.parametrize('weighted', [False, True])
def test_void_alone_gives_zero_and_no_gradient(loss, weighted):
    logits, old, batch = make_batch(torch.float32)
    for sample in batch.samples:
        sample.gt_sem_seg.data.fill_(255)
    batch = PixelBatch.from_samples(batch.samples)
    weights = [0.5, 1.0, 2.0, 0.25, 3.0, 1.5, 0.75] if weighted else None
    # mmseg's own cross-entropy fails on the two together
    head = make_head(dict(SEGMENTATION[loss], avg_non_ignore=not weighted, class_weight=weights))
    expected = run(full, head, logits, old, batch)[2]
    for way in ways_of(loss):
        values, gradient, found = run(way, head, logits, old, batch)
        assert [v.item() for v in values.values()] == [0]
        assert not gradient.any()
        assert found == expected


@pytest.mark.parametrize('way', [fused, generic])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_logits_give_the_float32_losses(way, dtype):
    logits, old, batch = make_batch(torch.float32)
    short, old = logits.detach().to(dtype).requires_grad_(), old.to(dtype)
    head, terms = make_head(SEGMENTATION['unce']), [UnbiasedKnowledgeDistillation()]
    same = short.detach().float().requires_grad_()
    with torch.autocast('cpu', dtype=dtype):
        found = run(way, head, short, old, batch, terms)
    expected = run(way, head, same, old.float(), batch, terms)
    for name, value in expected[0].items():
        assert found[0][name].dtype == torch.float32
        assert found[0][name].item() == value.item()
    assert found[1].dtype == dtype
    assert torch.equal(found[1], expected[1].to(dtype))


@pytest.mark.parametrize('ignore_index', [0, 5, 255])
def test_accuracy_is_that_of_mmseg(ignore_index):
    logits, old, batch = make_batch(torch.float64, size=(5, 6))
    labels = batch.target.where(batch.target != 255, ignore_index)
    for sample, label in zip(batch.samples, labels, strict=True):
        sample.gt_sem_seg.data = label[None]
    batch = PixelBatch.from_samples(batch.samples)
    head = make_head(SEGMENTATION['ce'], ignore_index=ignore_index)
    expected = accuracy(logits, labels, ignore_index=ignore_index)
    for way in (fused, generic):
        found = run(way, head, logits, old, batch)[2]
        assert found.item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize('loss', SEGMENTATION)
def test_gradient_of_the_generic_way(loss):
    head, terms = make_head(SEGMENTATION[loss]), built('both')
    logits, old, batch = make_batch(torch.float64, size=(7, 9), weight=(7, 9))

    def values(z):
        losses, compared = generic(head, z, batch, terms, old)
        return [value for name, value in losses.items() if 'loss' in name] + compared

    logits = logits[..., :3, :2].detach().requires_grad_()
    assert torch.autograd.gradcheck(values, logits, fast_mode=True)


def test_distillation_is_not_weighted():
    logits, old, batch = make_batch(torch.float64, weight=(1, 1))
    unweighted = PixelBatch(batch.samples, batch.target)
    for way in (fused, generic, full):
        head, terms = make_head(SEGMENTATION['unce']), [UnbiasedKnowledgeDistillation()]
        found, expected = (run(way, head, logits, old, b, terms)[0] for b in (batch, unweighted))
        assert found['0_loss_unkd'] == expected['0_loss_unkd']
        assert found['loss_unce'] < expected['loss_unce']


@pytest.mark.parametrize('way', [fused, generic])
def test_labels_outside_the_channels_are_refused(way):
    logits, old, batch = make_batch(torch.float32)
    batch.target[1, 3, 3] = 7
    with pytest.raises(RuntimeError, match='out of bounds'):
        run(way, make_head(SEGMENTATION['unce']), logits, old, batch)


@pytest.mark.parametrize('way', [fused, generic])
def test_old_logits_of_more_classes_are_refused(way):
    logits, old, batch = make_batch(torch.float32, num_channels=3, num_old=4)
    head = make_head(SEGMENTATION['ce'], num_channels=3)
    with pytest.raises(ValueError, match='old model must have 1 to 3 channels'):
        run(way, head, logits, old, batch, [KnowledgeDistillation()])


@pytest.mark.parametrize('way', [fused, generic, full])
def test_the_old_model_gets_no_gradient(way):
    logits, old, batch = make_batch(torch.float32)
    old.requires_grad_()
    (value,) = way(make_head(SEGMENTATION['unce']), logits, batch, built('kd'), old)[1]
    value.backward()
    assert logits.grad.any()
    assert old.grad is None


@pytest.mark.parametrize('loss', ['unce', 'bce'])
@pytest.mark.parametrize('weight', [None, (23, 31)], ids=str)
def test_no_value_is_read_from_the_device(loss, weight):
    """The meta device has no values, so that a read of one raises."""
    logits, old, batch = make_batch(torch.float32, weight=weight)
    batch = PixelBatch([], *(None if t is None else t.to('meta') for t in (
        batch.target, batch.weight)))  # fmt: skip
    logits, old = (tensor.detach().to('meta') for tensor in (logits, old))
    cfg = dict(SEGMENTATION[loss], avg_non_ignore=True, class_weight=[1, 2, 3, 4, 5, 6, 7])
    values, gradient, _ = run(
        Criterion(), make_head(cfg), logits.requires_grad_(), old, batch, built('both')
    )
    assert all(value.is_meta for value in values.values())
    assert gradient.shape == logits.shape


# --- memory of the generic way ------------------------------------------------------------------


class LiveBytes(TorchDispatchMode):
    """Bytes of the tensors that were made in the context and still live, and their peak."""

    def __init__(self):
        super().__init__()
        self.now = self.peak = 0
        self.known = weakref.WeakSet()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self._add(tensor.untyped_storage())
        return result

    def _add(self, storage):
        if storage not in self.known:
            self.known.add(storage)
            self.now += storage.nbytes()
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._free, storage.nbytes())

    def _free(self, size):
        self.now -= size


@pytest.mark.parametrize('loss', ['unce', 'bce'])
def test_generic_way_holds_one_picture_at_a_time(loss):
    head, terms = make_head(SEGMENTATION[loss]), built('unkd')
    logits, old, batch = make_batch(torch.float32, size=(46, 62))
    logits, old = (t.detach().repeat(8, 1, 1, 1).requires_grad_() for t in (logits, old))
    batch = PixelBatch.from_samples(batch.samples * 8)
    picture = 4 * 7 * 46 * 62
    peaks = {}
    for way in (generic, full):
        with LiveBytes() as live:
            run(way, head, logits, old, batch, terms)
        peaks[way] = live.peak
    assert peaks[full] > 5 * 24 * picture
    assert peaks[generic] < 24 * picture


# --- which way is taken -------------------------------------------------------------------------


@pytest.fixture
def taken(monkeypatch):
    """Names of the ways that a criterion takes."""
    names = []
    for name in ('fused_losses', 'generic_losses', 'full_losses'):
        whole = getattr(criterion, name)

        def watched(*args, name=name, whole=whole):
            names.append(name.removesuffix('_losses'))
            return whole(*args)

        monkeypatch.setattr(criterion, name, watched)
    return names


class HalfCrossEntropy(UnbiasedCrossEntropy):
    def pixel_loss(self, logits, target, ignore_index):
        return super().pixel_loss(logits, target, ignore_index) / 2


class SumOfCrossEntropy(UnbiasedCrossEntropy):
    def forward(self, seg_logits, seg_label, weight=None, ignore_index=255, **kwargs):
        return 5 * super().forward(seg_logits, seg_label, weight, ignore_index)


class SquaredCrossEntropy(CrossEntropyLoss):
    def forward(self, *args, **kwargs):
        return super().forward(*args, **kwargs) ** 2


class HalfDistillation(KnowledgeDistillation):
    def pixel_loss(self, logits, old_logits):
        return super().pixel_loss(logits, old_logits) / 2


class SquaredDistillation(KnowledgeDistillation):
    def forward(self, student, old):
        return super().forward(student, old) ** 2


class Difference(DistillationLoss):
    """Of the mean logits: no mean over pixels."""

    def __init__(self):
        super().__init__((), 1.0, 'loss_mean')

    def forward(self, student, old):
        return (student.mean() - old.mean()).abs()


def with_sampler(head):
    head.sampler = OHEMPixelSampler(head, thresh=0.7, min_kept=10)
    return head


def with_loss(loss):
    head = make_head(SEGMENTATION['unce'])
    head.loss_decode = loss
    return head


@pytest.mark.parametrize(
    ('way', 'head', 'terms'),
    [
        ('fused', lambda: make_head(SEGMENTATION['unce']), []),
        ('fused', lambda: make_head(SEGMENTATION['ce']), [KnowledgeDistillation()]),
        ('fused', lambda: make_head(SEGMENTATION['dpce']), [UnbiasedKnowledgeDistillation()]),
        ('fused', lambda: make_head(dict(SEGMENTATION['unce'], num_old=1)), built('unkd')),
        ('generic', lambda: make_head(SEGMENTATION['bce']), []),
        ('generic', lambda: make_head([SEGMENTATION['unce'], SEGMENTATION['bce']]), []),
        ('generic', lambda: make_head(dict(SEGMENTATION['unce'], num_old=2)), built('kd')),
        ('generic', lambda: with_loss(HalfCrossEntropy(4)), []),
        ('generic', lambda: make_head(SEGMENTATION['unce']), [HalfDistillation()]),
        ('full', lambda: with_loss(SumOfCrossEntropy(4)), []),
        ('full', lambda: with_loss(SquaredCrossEntropy()), []),
        ('full', lambda: make_head(SEGMENTATION['unce']), [SquaredDistillation()]),
        ('full', lambda: make_head(SEGMENTATION['unce']), [Difference()]),
        ('full', lambda: make_head(dict(type='LovaszLoss', reduction='none')), []),
        ('full', lambda: make_head([SEGMENTATION['unce'], dict(type='DiceLoss')]), []),
        ('full', lambda: make_head(dict(type='CrossEntropyLoss', use_sigmoid=True)), []),
        ('full', lambda: make_head(dict(type='CrossEntropyLoss', reduction='sum')), []),
        ('full', lambda: make_head(SEGMENTATION['unce'], cls=STDCHead), []),
        ('full', lambda: with_sampler(make_head(SEGMENTATION['unce'])), []),
    ],
)
def test_head_and_losses_get_their_way_and_the_values_of_the_full_one(way, head, terms, taken):
    head, (logits, old, batch) = head(), make_batch(torch.float32)  # mmseg's Lovasz takes no other
    found = run(Criterion(), head, logits, old, batch, terms)
    assert taken == [way]
    expected = run(full, head, logits, old, batch, terms)
    torch.testing.assert_close(found[:2], expected[:2], rtol=1e-5, atol=1e-8)


def test_a_loss_whose_map_is_missing_makes_it_itself(taken):
    logits, old, batch = make_batch(torch.float64)
    for sample in batch.samples:
        del sample.gt_distance_map
    head = make_head(SEGMENTATION['dpce'])
    found = run(Criterion(), head, logits, old, batch)
    assert taken == ['generic']
    torch.testing.assert_close(found[:2], run(full, head, logits, old, batch)[:2])


def test_without_the_fast_path_everything_goes_the_full_way(taken):
    logits, old, batch = make_batch(torch.float32)
    run(Criterion(fast_path=False), make_head(SEGMENTATION['unce']), logits, old, batch)
    assert taken == ['full']


def test_nothing_is_kept_for_a_gradient_that_nobody_asks_for(taken):
    logits, _, batch = make_batch(torch.float32)
    for loss in ('unce', 'bce'):
        with torch.no_grad():
            losses, _ = Criterion()(make_head(SEGMENTATION[loss]), logits, batch)
        assert not any(value.requires_grad for value in losses.values())
    assert taken == ['fused', 'generic']


# --- heads that compute their losses in their own way -------------------------------------------


class HeadWithRegulariser(FCNHead):
    def loss_by_feat(self, seg_logits, batch_data_samples):
        losses = super().loss_by_feat(seg_logits, batch_data_samples)
        return {**losses, 'loss_norm': seg_logits.square().mean()}


@pytest.mark.parametrize('cls', [STDCHead, HeadWithRegulariser])
@pytest.mark.parametrize('terms', [[], [KnowledgeDistillation()]], ids=['', 'kd'])
def test_a_head_keeps_the_terms_of_its_own(cls, terms):
    head = make_head(SEGMENTATION['unce'], cls=cls)
    logits, old, batch = make_batch(torch.float64, size=(24, 32))
    expected = head.loss_by_feat(logits, batch.samples)
    losses, compared = Criterion()(head, logits, batch, terms, old)
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, rtol=1e-12, atol=0)
    assert len(compared) == len(terms)


def test_a_head_with_two_outputs_keeps_both_and_cannot_be_distilled():
    losses = [dict(SEGMENTATION['unce'], loss_weight=w) for w in (1.0, 0.4)]
    head = DDRHead(in_channels=4, channels=2, num_classes=7, loss_decode=losses)
    logits, old, batch = make_batch(torch.float64)
    both = (logits, logits[:, :, ::2])
    found, _ = Criterion()(head, both, batch)
    expected = head.loss_by_feat(both, batch.samples)
    assert set(found) == {'loss_context', 'loss_spatial', 'acc_seg'}
    assert found == expected
    weighted = PixelBatch(batch.samples, batch.target, torch.full((3, 1, 1), 0.5))
    found, _ = Criterion()(head, both, weighted)
    assert found['loss_spatial'].item() == pytest.approx(expected['loss_spatial'].item() / 2)
    with pytest.raises(InputError, match='DDRHead returns several outputs'):
        Criterion()(head, both, batch, [KnowledgeDistillation()], old)


class HeadWithTermOfFeatures(FCNHead):
    def loss(self, inputs, batch_data_samples, train_cfg):
        losses = super().loss(inputs, batch_data_samples, train_cfg)
        return {**losses, 'loss_norm': inputs[0].square().mean()}


@pytest.mark.parametrize('fast_path', [True, False])
def test_a_head_whose_terms_would_be_lost_is_refused(fast_path):
    logits, _, batch = make_batch(torch.float64)
    head = make_head(SEGMENTATION['unce'], cls=HeadWithTermOfFeatures)
    with pytest.raises(InputError, match='HeadWithTermOfFeatures has a method loss of its own'):
        Criterion(fast_path)(head, logits, batch)


# --- weights on the full way --------------------------------------------------------------------


def test_weights_come_on_top_of_those_of_a_sampler():
    head = with_sampler(make_head(SEGMENTATION['unce']))
    logits, old, batch = make_batch(torch.float64, weight=(23, 31))
    whole = torch.nn.functional.interpolate(logits, (23, 31), mode='bilinear')
    chosen = head.sampler.sample(whole, batch.target.unsqueeze(1))
    expected = head.loss_decode(whole, batch.target, weight=chosen * batch.weight)
    assert 0 < chosen.mean() < 1
    found = run(Criterion(), head, logits, old, batch)[0]['loss_unce']
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    'loss',
    [
        dict(type='LovaszLoss', reduction='none'),
        dict(type='DiceLoss'),
        dict(type='FocalLoss'),
        dict(type='TverskyLoss'),
        dict(type='OhemCrossEntropy'),
    ],
    ids=lambda loss: loss['type'],
)
@pytest.mark.parametrize('fast_path', [True, False])
def test_a_loss_that_cannot_weigh_pixels_is_named(loss, fast_path):
    logits, _, batch = make_batch(torch.float64, weight=(1, 1))
    head = make_head([SEGMENTATION['unce'], loss])
    with pytest.raises(InputError, match=f'{loss["type"]} cannot weigh single pixels'):
        Criterion(fast_path)(head, logits, batch)


class HeadOfPoints(FCNHead):
    def loss_by_feat(self, seg_logits, batch_data_samples):
        labels = self._stack_batch_gt(batch_data_samples).flatten(2)[..., :5].transpose(1, 2)
        return {'loss_point': self.loss_decode(seg_logits[:, :, :1, :5].mT, labels)}


class HeadWithoutItsLoss(FCNHead):
    def loss_by_feat(self, seg_logits, batch_data_samples):
        return {'loss_norm': seg_logits.square().mean()}


@pytest.mark.parametrize(
    ('cls', 'reason'),
    [
        (HeadOfPoints, 'is not called with the labels of all pixels'),
        (HeadWithoutItsLoss, 'is not called by the head'),
    ],
)
def test_a_head_that_would_drop_the_weights_is_refused(cls, reason):
    logits, _, batch = make_batch(torch.float64)
    head = make_head(SEGMENTATION['unce'], cls=cls)
    Criterion()(head, logits, batch)
    weighted = PixelBatch(batch.samples, batch.target, torch.ones(3, 1, 1))
    with pytest.raises(InputError, match=f'UnbiasedCrossEntropy {reason}'):
        Criterion()(head, logits, weighted)
    assert not head.loss_decode._forward_pre_hooks
