"""Checks that every loss must pass.

A test class derives from one of the testers and is parametrised with configs::

    @pytest.mark.parametrize('config', [dict(type='MyLoss'), dict(type='MyLoss', sharp=True)])
    class TestMyLoss(SegmentationLossTester):
        pass
"""

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_incremental.models.channels import Channels
from mmseg_incremental.models.criterion.full import full_losses
from mmseg_incremental.models.criterion.generic import generic_losses
from mmseg_incremental.models.criterion.pixel_terms import pixel_terms
from mmseg_incremental.models.pixel_batch import PixelBatch

CHANNELS = Channels(num_old=4, num_new=3)


class LossTester:
    """What holds for both kinds.

    A tester gives ``student(loss, dtype)``, the tensors that get a gradient, and
    ``value(loss, tensors)``, the scalar of the same and of what else the loss takes.
    """

    def student(self, loss, dtype):
        raise NotImplementedError

    def value(self, loss, tensors):
        raise NotImplementedError

    def leaves(self, loss, dtype=torch.float64):
        return [tensor.requires_grad_() for tensor in self.student(loss, dtype)]

    def test_gradient_is_that_of_the_value(self, config):
        loss = MODELS.build(config)
        leaves = self.leaves(loss)
        assert self.value(loss, leaves).shape == ()
        assert torch.autograd.gradcheck(lambda *tensors: self.value(loss, tensors), leaves)
        assert all(g.any() for g in torch.autograd.grad(self.value(loss, leaves), leaves))

    @pytest.mark.parametrize('scale', [1.0, 1e4])
    @pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=str)
    def test_half_precision_is_close_to_double(self, config, dtype, scale):
        loss = MODELS.build(config)
        short = [scale * t.clamp(-1, 1) for t in self.student(loss, torch.float32)]
        short = [tensor.to(dtype).requires_grad_() for tensor in short]
        with torch.autocast('cpu', dtype=dtype):
            value = self.value(loss, short)
        assert value.dtype == torch.float32
        expected = self.value(loss, [tensor.detach().double() for tensor in short])
        assert expected.dtype == torch.float64
        assert value.item() == pytest.approx(expected.item(), rel=1e-5)
        assert all(g.isfinite().all() for g in torch.autograd.grad(value, short))

    def test_weight_and_name_are_those_of_the_config(self, config):
        loss = MODELS.build(dict(config, loss_weight=1.0))
        tensors = self.student(loss, torch.float64)
        tripled = MODELS.build(dict(config, loss_weight=3.0, loss_name='loss_mine'))
        assert tripled.loss_name == 'loss_mine'
        expected = 3 * self.value(loss, tensors).item()
        assert self.value(tripled, tensors).item() == pytest.approx(expected, rel=1e-12)

    def test_nothing_of_it_enters_a_checkpoint(self, config):
        loss = MODELS.build(config)
        assert not loss.state_dict()
        assert loss.loss_name.startswith('loss')


class SegmentationLossTester(LossTester):
    """A loss with a value per pixel."""

    size = (2, 4, 5)

    def target(self):
        """Labels of all channels, every sixth pixel ignored."""
        target = (7 * torch.arange(40) % CHANNELS.total).reshape(self.size)
        return target.masked_fill((torch.arange(40) % 6 == 1).reshape(self.size), 255)

    def student(self, loss, dtype):
        generator = torch.Generator().manual_seed(1)
        shape = (2, CHANNELS.total, 4, 5)
        return [(3 * torch.randn(shape, generator=generator, dtype=torch.float64)).to(dtype)]

    def maps(self, loss):
        generator = torch.Generator().manual_seed(2)
        return {name: torch.rand(self.size, generator=generator) for name in loss.pixel_maps}

    def value(self, loss, tensors):
        return loss(tensors[0], self.target(), **self.maps(loss))

    def batch(self, loss, weight=None):
        maps = self.maps(loss)
        samples = [
            SegDataSample(
                gt_sem_seg=PixelData(data=label[None]),
                **{f'gt_{name}': PixelData(data=values[i][None]) for name, values in maps.items()},
            )
            for i, label in enumerate(self.target())
        ]
        return PixelBatch.from_samples(samples, weight)

    def test_every_pixel_has_a_value_and_an_ignored_one_neither_value_nor_gradient(self, config):
        loss, target = MODELS.build(config), self.target()
        (logits,) = self.leaves(loss)
        values = loss.pixel_loss(logits, target, 255, **self.maps(loss))
        assert values.shape == target.shape
        assert values.isfinite().all()
        assert torch.equal(values == 0, target == 255)
        (gradient,) = torch.autograd.grad(values.sum(), logits)
        assert torch.equal(gradient.abs().sum(1) == 0, target == 255)
        assert torch.equal(target, self.target())

    def test_another_ignore_index(self, config):
        loss, target = MODELS.build(config), self.target()
        (logits,), maps = self.student(loss, torch.float64), self.maps(loss)
        expected = loss.pixel_loss(logits, target, 255, **maps)
        for other in (-100, 254):
            found = loss.pixel_loss(logits, target.where(target != 255, other), other, **maps)
            assert torch.equal(found, expected)

    def test_a_picture_is_computed_by_itself(self, config):
        loss, target = MODELS.build(config), self.target()
        (logits,), maps = self.student(loss, torch.float64), self.maps(loss)
        whole = loss.pixel_loss(logits, target, 255, **maps)
        for i in range(len(target)):
            own = {name: values[i : i + 1] for name, values in maps.items()}
            part = loss.pixel_loss(logits[i : i + 1], target[i : i + 1], 255, **own)
            torch.testing.assert_close(part[0], whole[i], rtol=1e-12, atol=0)

    @pytest.mark.parametrize('avg_non_ignore', [False, True])
    @pytest.mark.parametrize('shape', [(2, 4, 5), (2, 1, 1)])
    def test_weights_multiply_the_pixels_and_leave_the_divisor(self, config, avg_non_ignore, shape):
        loss = MODELS.build(dict(config, avg_non_ignore=avg_non_ignore))
        (logits,), maps = self.student(loss, torch.float64), self.maps(loss)
        weight = torch.rand(shape, generator=torch.Generator().manual_seed(3))
        values = loss.weighted_pixel_loss(logits, self.target(), 255, **maps)
        divisor = (self.target() != 255).sum() if avg_non_ignore else 40
        expected = loss.loss_weight * (values * weight).sum() / divisor
        found = loss(logits, self.target(), weight=weight, **maps)
        assert found.item() == pytest.approx(expected.item(), rel=1e-12)
        with pytest.raises(ValueError, match='one value per pixel'):
            loss(logits, self.target(), weight=torch.ones(2, 1, 5), **maps)

    @pytest.mark.parametrize('avg_non_ignore', [False, True])
    def test_void_alone_gives_zero_and_no_gradient(self, config, avg_non_ignore):
        loss = MODELS.build(dict(config, avg_non_ignore=avg_non_ignore))
        (logits,) = self.leaves(loss, torch.float32)
        value = loss(logits, torch.full(self.size, 255), **self.maps(loss))
        assert value.item() == 0
        assert not torch.autograd.grad(value, logits)[0].any()

    @pytest.mark.parametrize('label', [-1, CHANNELS.total])
    def test_a_label_without_channel_is_refused(self, config, label):
        loss = MODELS.build(config)
        (logits,), maps = self.student(loss, torch.float64), self.maps(loss)
        with pytest.raises((RuntimeError, IndexError), match='out of bounds'):
            loss(logits, torch.full(self.size, label), **maps)

    def test_shapes_that_do_not_fit_are_refused(self, config):
        loss, target = MODELS.build(config), self.target()
        (logits,) = self.student(loss, torch.float64)
        for labels in (target[:, :-1], target.unsqueeze(1), target[0]):
            with pytest.raises(ValueError, match=r'target \(N, H, W\)'):
                loss(logits, labels, **self.maps(loss))

    @pytest.mark.parametrize('weighted', [False, True])
    def test_criterion_gives_the_same_picture_by_picture(self, config, weighted):
        head = FCNHead(
            in_channels=2, channels=2, num_convs=0, concat_input=False,
            num_classes=CHANNELS.total, loss_decode=config,
        )  # fmt: skip
        (logits,) = self.leaves(head.loss_decode)
        weight = torch.rand(self.size, generator=torch.Generator().manual_seed(3))
        batch = self.batch(head.loss_decode, weight if weighted else None)
        expected = full_losses(head, logits, batch)[0]
        (found,), correct = generic_losses(logits, None, pixel_terms(head, batch, []))
        torch.testing.assert_close(found, expected[head.loss_decode.loss_name], rtol=1e-10, atol=0)
        accuracy = 100 * correct / (batch.target != 255).sum()
        torch.testing.assert_close(accuracy, expected['acc_seg'][0])
        gradients = [
            torch.autograd.grad(value, logits)[0]
            for value in (found, expected[head.loss_decode.loss_name])
        ]
        torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-14)


class DistillationLossTester(LossTester):
    """A comparison of outputs of the student and the old model."""

    def shapes(self, loss):
        """Shape of the student's and of the old model's output for every tap.

        Without taps there are logits alone, under the name ``logits``.
        """
        if not loss.taps:
            return {'logits': ((2, CHANNELS.total, 3, 4), (2, CHANNELS.num_old, 3, 4))}
        return dict.fromkeys(loss.taps, ((2, 6, 3, 4), (2, 6, 3, 4)))

    def student(self, loss, dtype):
        return [self._noise(i, new).to(dtype) for i, (new, _) in self._numbered(loss)]

    def old(self, loss):
        return [self._noise(100 + i, old) for i, (_, old) in self._numbered(loss)]

    def value(self, loss, tensors, old=None):
        old = self.old(loss) if old is None else old
        old = [values.to(tensors[0].dtype) for values in old]
        if not loss.taps:
            return loss(tensors[0], old[0])
        student, old = (dict(zip(loss.taps, values, strict=True)) for values in (tensors, old))
        return loss.distil(student, old, CHANNELS)

    def _numbered(self, loss):
        return enumerate(self.shapes(loss).values())

    def _noise(self, seed, shape):
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        # values that every precision has
        return (32 * noise.clamp(-3, 3)).round() / 16

    def test_the_old_model_gets_no_gradient(self, config):
        loss = MODELS.build(config)
        leaves, old = self.leaves(loss), [values.requires_grad_() for values in self.old(loss)]
        self.value(loss, leaves, old).backward()
        assert all(tensor.grad.any() for tensor in leaves)
        assert all(values.grad is None for values in old)


class PixelDistillationTester(DistillationLossTester):
    """A distillation that is a mean over pixels."""

    def test_every_pixel_has_a_value_of_its_own(self, config):
        loss = MODELS.build(config)
        (logits,), (old,) = self.student(loss, torch.float64), self.old(loss)
        values = loss.pixel_loss(logits, old)
        assert values.shape == (2, 3, 4)
        expected = loss.loss_weight * values.mean()
        assert self.value(loss, [logits]).item() == pytest.approx(expected.item(), rel=1e-12)
        part = loss.pixel_loss(logits[1:], old[1:])
        torch.testing.assert_close(part[0], values[1], rtol=1e-12, atol=0)
