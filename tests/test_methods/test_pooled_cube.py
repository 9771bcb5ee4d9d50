import math

import pytest
import reference.plop
import reference.rcil as loops
import torch
from loss_tester import CHANNELS, DistillationLossTester
from mmseg.registry import MODELS
from reference import method_inputs
from torch.autograd import gradcheck

from mmseg_incremental.models.channels import Channels
from mmseg_incremental.models.losses.pooled_cube import channel_pooled_cube, spatial_pooled_cube

BOTH = [spatial_pooled_cube, channel_pooled_cube]


def maps(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def test_spatial_by_hand():
    # one pixel that differs by 8: each of the windows of 2 x 2 that hold it has the mean 8 / 4
    new, old = torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 3, 3)
    old[0, 0, 1, 1] = math.sqrt(8)
    assert spatial_pooled_cube(new, old, sizes=(2,)).item() == pytest.approx(math.sqrt(4 * 4))
    # at the edge too, since the padding counts
    corner = old.roll((1, 1), (2, 3))
    assert spatial_pooled_cube(new, corner, sizes=(2,)).item() == pytest.approx(4)
    # the mean over pictures, not the norm over the batch
    two = torch.cat([old, new])
    assert spatial_pooled_cube(torch.cat([new, new]), two, sizes=(2,)).item() == pytest.approx(2)


def test_channel_by_hand():
    new = torch.tensor([1.0, 0.0, 0.0, 2.0]).reshape(1, 4, 1, 1)
    old = torch.tensor([2.0, 0.0, 0.0, 0.0]).reshape(1, 4, 1, 1)
    # squares differ by 3, 0, 0, -4: moving means 1, 1, -4/3, -4/3
    expected = math.sqrt(1 + 1 + 16 / 9 + 16 / 9)
    assert channel_pooled_cube(new, old).item() == pytest.approx(expected)


@pytest.mark.parametrize('size', [(8, 8), (3, 7), (1, 1), (9, 4)])
def test_distances_equal_loops(size):
    new, old = maps(0, 2, 3, *size), maps(1, 2, 3, *size)
    arrays = new.numpy(), old.numpy()
    assert spatial_pooled_cube(new, old).item() == pytest.approx(loops.spatial(*arrays), rel=1e-12)
    assert channel_pooled_cube(new, old).item() == pytest.approx(loops.channel(*arrays), rel=1e-12)


@pytest.mark.parametrize('name', [name for name in method_inputs.SETS if name != 'shown'])
@pytest.mark.parametrize(
    ('kind', 'distance'),
    [('SpatialPooledCube', loops.spatial), ('ChannelPooledCube', loops.channel)],
)
def test_losses_equal_loops(name, kind, distance):
    part = method_inputs.build(name)['features']
    channels = Channels(part['K'], part['Ct'])
    student = dict(stages=[part['f1n'], part['f2n']], logits=part['ln'])
    old = dict(stages=(part['f1o'], part['f2o']), logits=part['lo'])
    config = dict(type=kind, taps=('stages', 'logits'), factor=0.3, last_factor=0.7, loss_weight=2)
    folded = reference.plop.fold(part['ln'].numpy(), part['K'])
    expected = (
        0.3 * distance(part['f1n'].numpy(), part['f1o'].numpy())
        + 0.3 * distance(part['f2n'].numpy(), part['f2o'].numpy())
        + 0.7 * distance(folded, part['lo'].numpy())
    )
    expected *= 2 / 3 * math.sqrt(part['C'] / part['Ct'])
    loss = MODELS.build(config).distil(student, old, channels)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_the_defaults_are_those_of_the_authors():
    spatial, channel = (MODELS.build(dict(type=f'{k}PooledCube')) for k in ('Spatial', 'Channel'))
    assert (spatial.taps, channel.taps) == (('stages', 'head', 'logits'), ('stages', 'head'))
    assert {(loss.factor, loss.last_factor) for loss in (spatial, channel)} == {(0.01, 0.0005)}


@pytest.mark.parametrize('distance', BOTH)
def test_gradients(distance):
    student, old = maps(0, 2, 3, 3, 4).requires_grad_(), maps(1, 2, 3, 3, 4).requires_grad_()
    assert gradcheck(lambda f: distance(f, old), student)
    distance(student, old).backward()
    assert old.grad is None
    same = maps(2, 1, 3, 3, 4).requires_grad_()
    distance(same, same.detach()).backward()
    assert (same.grad == 0).all()


@pytest.mark.parametrize('distance', BOTH)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(distance, dtype):
    student, old = (300 * maps(0, 2, 3, 8, 8)).to(dtype), (300 * maps(1, 2, 3, 8, 8)).to(dtype)
    loss = distance(student.requires_grad_(), old)
    expected = distance(student.detach().double(), old.double())
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=0)
    (gradient,) = torch.autograd.grad(loss, student)
    assert gradient.isfinite().all()


@pytest.mark.parametrize('distance', BOTH)
def test_maps_of_other_shapes_are_refused(distance):
    with pytest.raises(ValueError, match=r'\(1, 2, 4, 4\) and \(1, 2, 3, 4\)'):
        distance(maps(0, 1, 2, 4, 4), maps(0, 1, 2, 3, 4))


@pytest.mark.parametrize(
    'config',
    [
        dict(type='SpatialPooledCube', taps=('a', 'logits')),
        dict(type='ChannelPooledCube', taps=('a', 'b')),
    ],
    ids=lambda config: config['type'],
)
class TestPooledCube(DistillationLossTester):
    def shapes(self, loss):
        logits = ((2, CHANNELS.total, 3, 4), (2, CHANNELS.num_old, 3, 4))
        return {**super().shapes(loss), **({'logits': logits} if 'logits' in loss.taps else {})}
