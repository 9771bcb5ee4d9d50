"""Decode head of incremental BiSeNet."""

from collections.abc import Sequence

from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from torch import nn

from .classifier import IncrementalClassifier


@MODELS.register_module()
class BiSeNetIncrementalHead(FCNHead):
    """``FCNHead`` whose classifier is a list of 1x1 convolutions, one per step.

    BiSeNet uses it three times: on the feature fusion module, where ``num_convs=0`` leaves only
    the classifier, and on the two branches of the context path, where one convolution makes the
    supervision map with its fixed number of channels (incremental BiSeNet, section 4).

    The ``state_dict`` is that of a plain ``FCNHead`` with ``num_classes=sum(classes_per_step)``.
    Losses with an attribute ``num_old`` are told the number of old channels.

    Args:
        classes_per_step: Channels that each step so far adds; the first counts the background.
        **kwargs: Everything else that ``FCNHead`` takes, ``num_classes`` aside.

    Raises:
        ValueError: If a step adds no channel.
    """

    def __init__(self, classes_per_step: Sequence[int], **kwargs: object) -> None:
        classifier = IncrementalClassifier(kwargs['channels'], classes_per_step)
        super().__init__(num_classes=sum(classes_per_step), **kwargs)
        self.conv_seg = classifier
        self.num_old = sum(list(classes_per_step)[:-1])
        losses = (
            self.loss_decode if isinstance(self.loss_decode, nn.ModuleList) else [self.loss_decode]
        )
        for loss in losses:
            if hasattr(loss, 'num_old'):
                loss.num_old = self.num_old
