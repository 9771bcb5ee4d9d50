"""Labels of SSUL: an unknown class in the background, and pseudo-labels above a score."""

import torch
from mmseg.registry import TASK_UTILS
from torch import Tensor

from ...errors import InputError
from ...models.channels import Channels
from ...models.labelled_batch import LabelledBatch, Targets
from ...models.losses.utils import at_least_float32


def unknown_class_labels(
    labels: Tensor,
    unknown: int,
    old_logits: Tensor | None = None,
    num_old: int = 0,
    threshold: float = 0.7,
    salient: Tensor | None = None,
) -> Tensor:
    """Tell unknown objects and old classes from the background.

    Salient background pixels become unknown. Then a background or unknown pixel becomes the old
    model's best class if no other of its channels, background and unknown included, has a higher
    sigmoid, and this one is the threshold or more.

    Source: Cha et al., *SSUL: Semantic Segmentation with Unknown Label for Exemplar-based
    Class-Incremental Learning*, NeurIPS 2021, Eq. 2 and 3.

    Args:
        labels: Labels (N, H, W), int64; 0 is background. Left as they are.
        unknown: Channel of the unknown class, which is its label.
        old_logits: All logits of the old model (N, K or more, H, W); None at step 0.
        num_old: Number K of old channels that are classes, background included.
        threshold: Least sigmoid of a pseudo-label.
        salient: Where something stands out (N, H, W), bool; None is everywhere, as the authors do
            on ADE20K, where they have no saliency maps.

    Returns:
        Labels (N, H, W).

    Example:
        >>> labels = torch.tensor([[[0, 0, 2]]])
        >>> old_logits = torch.tensor([[-1.0, -1, -1], [-2, 2, 2]]).reshape(1, 2, 1, 3)
        >>> unknown_class_labels(labels, 3, old_logits, num_old=2).tolist()
        [[[3, 1, 2]]]
    """
    background = labels == 0
    made = labels.masked_fill(background if salient is None else background & salient, unknown)
    if old_logits is None:
        return made
    score, best = at_least_float32(old_logits).sigmoid().max(1)
    known = (best > 0) & (best < num_old) & (score >= threshold)
    return torch.where(background & known, best, made)


@TASK_UTILS.register_module()
class UnknownClassLabels:
    """Targets of SSUL, see :func:`unknown_class_labels`.

    They go with an extra channel ``unknown``, and are made at step 0 too, without an old model.

    Args:
        threshold: Least sigmoid of a pseudo-label.
        saliency: Folder of saliency maps, see :class:`~mmseg_incremental.datasets.MarkSalient`.
            None takes every background pixel for salient.
    """

    acts_at_first_step = True
    needs_background = True

    def __init__(self, threshold: float = 0.7, saliency: str | None = None) -> None:
        self.threshold = threshold
        self.saliency = saliency

    def label_transforms(self, channels: Channels) -> list[dict]:
        """Configs of the transforms that mark salient pixels by the label of the unknown class.

        Args:
            channels: Channels of the step.

        Raises:
            InputError: If the model has no channel ``unknown``.
        """
        if self.saliency is None:
            return []
        return [dict(type='MarkSalient', folder=self.saliency, label=_unknown(channels))]

    def __call__(self, batch: LabelledBatch) -> Targets:
        """Make the labels of a batch.

        Args:
            batch: Its old logits include the extra channels; at step 0 they are not read.

        Returns:
            Labels (N, H, W).

        Raises:
            InputError: If the model has no channel ``unknown``.
        """
        channels, unknown = batch.channels, _unknown(batch.channels)
        if not channels.num_old:
            return Targets(self._assemble(batch.labels, unknown))
        made = [
            self._assemble(labels, unknown, logits, channels.num_old)
            for labels, logits in batch.pictures()
        ]
        return Targets(torch.cat(made))

    def _assemble(
        self, labels: Tensor, unknown: int, old_logits: Tensor | None = None, num_old: int = 0
    ) -> Tensor:
        salient = None
        if self.saliency is not None:
            salient = labels == unknown
            labels = labels.masked_fill(salient, 0)
        return unknown_class_labels(labels, unknown, old_logits, num_old, self.threshold, salient)


def _unknown(channels: Channels) -> int:
    """Channel of the unknown class."""
    if 'unknown' not in channels.extra:
        raise InputError(
            "targets 'UnknownClassLabels' needs a channel 'unknown'; give the method "
            "extra_channels=dict(type='NamedChannels', channels=dict(unknown=1))"
        )
    return channels.num_classes + channels.extra.index('unknown')
