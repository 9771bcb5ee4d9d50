"""Decode head of incremental BiSeNet."""

from collections.abc import Sequence

from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS

from ..growth import grow_head


@MODELS.register_module()
class BiSeNetIncrementalHead(FCNHead):
    """``FCNHead`` that can be given the classes of every step.

    BiSeNet uses such a head three times: on the feature fusion module, where ``num_convs=0``
    leaves only the classifier, and on the two branches of the context path, where one convolution
    makes the supervision map with its fixed number of channels (incremental BiSeNet, section 4).
    A segmentor that grows its heads needs only ``FCNHead``, whose ``state_dict`` this head has.

    Args:
        classes_per_step: Channels that each step so far adds; the first counts the background.
            Without it the head is a plain ``FCNHead``.
        num_classes: As ``FCNHead`` takes it; follows from ``classes_per_step`` where that is given.
        **kwargs: Everything else that ``FCNHead`` takes.

    Raises:
        ValueError: If a step adds no channel.
    """

    #: Head of stock mmseg that loads the ``state_dict`` of this one.
    plain_type = 'FCNHead'

    def __init__(
        self,
        classes_per_step: Sequence[int] | None = None,
        num_classes: int | None = None,
        **kwargs: object,
    ) -> None:
        sizes = [num_classes] if classes_per_step is None else list(classes_per_step)
        super().__init__(num_classes=sum(sizes), **kwargs)
        if classes_per_step is not None:
            grow_head(self, sizes)
