"""New classifiers that are tuned as combinations of old ones, as NeST does before a step."""

from collections.abc import Callable, Iterator, Sized
from typing import Protocol

import torch
from mmengine.dist import all_reduce
from mmseg.models.segmentors import EncoderDecoder
from mmseg.models.utils import resize
from mmseg.registry import TASK_UTILS
from mmseg.utils import SampleList
from torch import Tensor
from torch.nn import functional as F

from ...errors import InputError
from ...models.classifier_init import init_from_background
from ...models.classifier_pre_tuning import (
    PreTunedRows,
    class_gates,
    match_mean_row_norm,
    match_norm,
)
from ...models.feature_recorder import record_taps
from ...models.losses import unbiased_cross_entropy


class Batches(Sized, Protocol):
    """Batches of a step's data: pictures (N, 3, H, W) and their N samples, on the device."""

    def __iter__(self) -> Iterator[tuple[Tensor, SampleList]]:
        """Go through them."""


@TASK_UTILS.register_module()
class ClassifierPreTuning:
    r"""Tune the decode head's new classifiers before anything else learns.

    A pass over the data finds where each combination starts (:func:`.class_gates`). Then only the
    combinations learn (:class:`.PreTunedRows`), by the unbiased cross-entropy on the features of
    the network, whose normalisation goes on updating its statistics. Last, the new rows are scaled
    to the mean norm of the old ones, the background's row to its own norm before, and the new
    biases by the norms of old and new biases.

    Heads that only supervise the training start from their background instead.

    Source: Xie et al., *Early Preparation Pays Off: New Classifier Pre-tuning for Class Incremental
    Semantic Segmentation*, ECCV 2024, section 3.

    Args:
        epochs: Passes over the data; 5 on Pascal VOC, 15 on ADE20K.
        lr_factor: Factor of the step's learning rate; 1 on Pascal VOC, 500 on ADE20K.
        weight_decay: Of the combinations.
        size: Side in pixels of the maps that the first pass looks at.

    Raises:
        InputError: If there is to be no pass.
    """

    def __init__(
        self,
        epochs: float = 5,
        lr_factor: float = 1.0,
        weight_decay: float = 1e-4,
        size: int = 128,
    ) -> None:
        if epochs <= 0 or size < 1:
            raise InputError(
                f'ClassifierPreTuning: epochs={epochs} and size={size} must be above 0'
            )
        self.epochs = epochs
        self.lr_factor = lr_factor
        self.weight_decay = weight_decay
        self.size = size

    def __call__(
        self, model: EncoderDecoder, batches: Callable[[float], Batches], lr: float
    ) -> None:
        """Set the new classifiers of a model in place.

        Args:
            model: Model whose earlier steps are loaded; its mode stays.
            batches: Gives the batches of a number of passes over the training data.
            lr: Learning rate of the step.
        """
        for name, classifier in model.classifiers():
            if not name.startswith('decode_head.'):
                init_from_background(classifier)
        training, classifier = model.training, model.decode_head.conv_seg
        old = list(classifier)[:-1]
        weight = torch.cat([conv.weight.detach() for conv in old]).flatten(1)
        bias = torch.cat([conv.bias.detach() for conv in old])
        gates = self._gates(model.eval(), weight, bias, batches(1))
        rows = PreTunedRows(weight, bias, gates)
        self._tune(model.train(), rows, batches(self.epochs), lr * self.lr_factor)
        model.train(training)
        with torch.no_grad():
            new, _ = match_mean_row_norm(rows.new(), weight)
            classifier[-1].weight.copy_(new[..., None, None])
            classifier[-1].bias.copy_(match_norm(rows.bias, bias))
            background = match_norm(rows.background(), weight[0])
            classifier[0].weight[0].copy_(background[:, None, None])

    @torch.no_grad()
    def _gates(
        self, model: EncoderDecoder, weight: Tensor, bias: Tensor, batches: Batches
    ) -> Tensor:
        """Where the combinations start (n, K, D), over all processes."""
        channels, size = model.channels, (self.size, self.size)
        gates = weight.new_zeros(channels.num_new, *weight.shape)
        counts = weight.new_zeros(channels.num_new, 1, 1)
        for pictures, samples in batches:
            features = _features(model, pictures)
            logits = F.conv2d(features, weight[..., None, None], bias)
            labels = F.interpolate(_labels(samples)[:, None].float(), size, mode='nearest')
            # one picture after the other, since maps of this size are large
            for one in zip(features.split(1), logits.split(1), labels.split(1), strict=True):
                maps = [resize(m, size, mode='bilinear', align_corners=False) for m in one[:2]]
                found, number = class_gates(*maps, one[2][:, 0].long(), weight, channels)
                gates += found
                counts += number[:, None, None]
        all_reduce(gates)
        all_reduce(counts)
        return gates / counts.clamp(min=1)

    def _tune(self, model: EncoderDecoder, rows: PreTunedRows, batches: Batches, lr: float) -> None:
        optimizer = torch.optim.SGD(
            rows.parameters(), lr, momentum=0.9, nesterov=True, weight_decay=self.weight_decay
        )
        schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, len(batches), power=0.9)
        head, num_old = model.decode_head, model.channels.num_old
        for pictures, samples in batches:
            with torch.no_grad():
                features = _features(model, pictures)
            labels = _labels(samples)
            logits = resize(
                rows(features), labels.shape[1:], mode='bilinear', align_corners=head.align_corners
            )
            loss = unbiased_cross_entropy(logits, labels, num_old, head.ignore_index)
            optimizer.zero_grad()
            loss.backward()
            for parameter in rows.parameters():
                all_reduce(parameter.grad, 'mean')
            optimizer.step()
            schedule.step()


def _features(model: EncoderDecoder, pictures: Tensor) -> Tensor:
    """What enters the classifier of the decode head (N, D, h, w)."""
    if model.channels_last:
        pictures = pictures.contiguous(memory_format=torch.channels_last)
    with record_taps(model, ['head']) as found:
        model.decode_head(model.extract_feat(pictures))
    return found['head']


def _labels(samples: SampleList) -> Tensor:
    """Labels (N, H, W)."""
    return torch.stack([sample.gt_sem_seg.data[0] for sample in samples])
