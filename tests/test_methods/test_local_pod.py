import math

import pytest
import reference.plop as loops
import torch
from loss_tester import CHANNELS, DistillationLossTester
from mmseg.registry import MODELS
from reference import method_inputs
from torch.autograd import gradcheck

from mmseg_incremental.models.channels import Channels
from mmseg_incremental.models.losses.local_pod import LocalPOD, local_pod, local_pod_embedding
from mmseg_incremental.models.losses.map_distillation import adaptive_factor, fold_new_channels

OTHER_SETS = [name for name in method_inputs.SETS if name != 'shown']


def maps(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_adaptive_factor_counts_the_background():
    assert adaptive_factor(Channels(16, 1)) == pytest.approx(math.sqrt(17))
    assert adaptive_factor(Channels(16, 5)) == pytest.approx(math.sqrt(21 / 5))


def test_new_logits_are_added_to_the_background():
    logits = torch.tensor([1.0, 2.0, 3.0, 10.0, 20.0, 500.0]).reshape(1, 6, 1, 1)
    folded = fold_new_channels(logits, Channels(3, 2, ('unknown',)))
    assert folded.flatten().tolist() == [31.0, 2.0, 3.0]


def test_embedding_by_hand():
    features = torch.arange(16.0).reshape(1, 1, 4, 4)
    whole = [1.5, 5.5, 9.5, 13.5, 6.0, 7.0, 8.0, 9.0]
    assert local_pod_embedding(features, scales=(1,)).tolist() == [whole]
    quarters = [0.5, 4.5, 2, 3, 2.5, 6.5, 4, 5, 8.5, 12.5, 10, 11, 10.5, 14.5, 12, 13]
    assert local_pod_embedding(features, scales=(1, 2)).tolist() == [whole + quarters]
    # of a finer scale than the map nothing is left
    assert local_pod_embedding(features, scales=(1, 2, 8)).tolist() == [whole + quarters]


@pytest.mark.parametrize('size', [(8, 8), (9, 9), (4, 4), (3, 3), (1, 1), (7, 8), (8, 5), (5, 8)])
@pytest.mark.parametrize('windows', ['axes', 'width'])
def test_embedding_equals_loops(size, windows):
    features = maps(0, 2, 3, *size)
    if windows == 'width' and size == (5, 8):
        with pytest.raises(ValueError, match="set windows='axes'"):
            local_pod_embedding(features, windows=windows)
        return
    ours = local_pod_embedding(features, windows=windows)
    torch.testing.assert_close(
        ours, torch.from_numpy(loops.pod_embedding(features.numpy(), windows=windows))
    )


def test_windows_differ_for_maps_that_are_not_square_only():
    def both(*size):
        return [local_pod_embedding(maps(1, 1, 2, *size), windows=w) for w in ('axes', 'width')]

    assert torch.equal(*both(7, 7))
    assert both(9, 5)[0].shape != both(9, 5)[1].shape
    with pytest.raises(ValueError, match="not 'rows'"):
        local_pod_embedding(maps(1, 1, 2, 4, 4), windows='rows')
    with pytest.raises(ValueError, match='none of the scales'):
        local_pod_embedding(maps(1, 1, 2, 1, 4), scales=(2, 4))


@pytest.mark.parametrize('name', OTHER_SETS)
def test_loss_equals_loops(name):
    part = method_inputs.build(name)['features']
    channels = Channels(part['K'], part['Ct'])
    taps = ('f1', 'f2', 'logits')
    student = dict(zip(taps, (part['f1n'], part['f2n'], part['ln']), strict=True))
    old = dict(zip(taps, (part['f1o'], part['f2o'], part['lo']), strict=True))
    loss = LocalPOD(taps, factor=0.3, logits_factor=0.7).distil(student, old, channels)
    arrays = [part['f1n'].numpy(), part['f2n'].numpy(), loops.fold(part['ln'].numpy(), part['K'])]
    expected = loops.local_pod(arrays, [old[tap].numpy() for tap in taps], (0.3, 0.3, 0.7))
    expected *= math.sqrt(part['C'] / part['Ct'])
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_several_outputs_of_one_tap_and_extra_channels():
    channels = Channels(3, 2, ('unknown',))
    stages = [maps(s, 2, 2, 8, 8) for s in range(4)]
    student = dict(stages=stages[:2], head=maps(4, 2, 3, 4, 4), logits=maps(5, 2, 6, 4, 4))
    old = dict(stages=tuple(stages[2:]), head=maps(6, 2, 3, 4, 4), logits=maps(7, 2, 4, 4, 4))
    loss = MODELS.build(dict(type='LocalPOD', loss_weight=3.0))
    folded = loops.fold(student['logits'][:, :5].numpy(), 3)
    expected = loops.local_pod(
        [*(s.numpy() for s in stages[:2]), student['head'].numpy(), folded],
        [*(s.numpy() for s in stages[2:]), old['head'].numpy(), old['logits'][:, :3].numpy()],
        (0.01, 0.01, 0.01, 0.0005),
    )
    assert loss.distil(student, old, channels).item() == pytest.approx(
        3 * expected * math.sqrt(5 / 2), rel=1e-12
    )


def test_what_the_class_does_not_name_is_left_out():
    old = dict(head=maps(0, 1, 2, 4, 4))
    student = dict(head=maps(1, 1, 2, 4, 4), logits=maps(2, 1, 3, 4, 4))
    loss = LocalPOD(taps=('head',)).distil(student, old, Channels(2, 1))
    assert loss.item() > 0


def test_gradients():
    student, old = maps(0, 2, 2, 4, 4).requires_grad_(), maps(1, 2, 2, 4, 4).requires_grad_()
    assert gradcheck(lambda f: local_pod(f, old), student)
    local_pod(student, old).backward()
    assert old.grad is None


def test_equal_maps_have_loss_and_gradient_0():
    student = maps(0, 2, 2, 4, 4).requires_grad_()
    loss = local_pod(student, student.detach())
    loss.backward()
    assert loss.item() == 0
    assert (student.grad == 0).all()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    # squares above 65504 and differences below its smallest step
    student = (300 * maps(0, 2, 3, 8, 8)).to(dtype).requires_grad_()
    old = (300 * maps(1, 2, 3, 8, 8)).to(dtype)
    loss = local_pod(student, old)
    expected = local_pod(student.detach().double(), old.double())
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=0)
    loss.backward()
    assert student.grad.isfinite().all()
    logits = torch.full((1, 4, 1, 1), 40000.0).to(dtype)
    assert (
        LocalPOD(('logits',))
        .distil(dict(logits=logits), dict(logits=logits[:, :2]), Channels(2, 2))
        .isfinite()
    )


def test_maps_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r'\(1, 2, 4, 4\) and \(1, 2, 3, 4\)'):
        local_pod(maps(0, 1, 2, 4, 4), maps(0, 1, 2, 3, 4))


@pytest.mark.parametrize(
    'config',
    [dict(type='LocalPOD', taps=('a', 'b')), dict(type='LocalPOD', taps=('a', 'logits'))],
    ids=lambda config: '-'.join(config['taps']),
)
class TestLocalPOD(DistillationLossTester):
    def shapes(self, loss):
        logits = ((2, CHANNELS.total, 3, 4), (2, CHANNELS.num_old, 3, 4))
        return {**super().shapes(loss), **({'logits': logits} if 'logits' in loss.taps else {})}
