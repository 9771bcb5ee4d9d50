"""Decode head of incremental BiSeNet."""

from collections.abc import Sequence

from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor, nn

from .classifier import IncrementalClassifier
from .pixel_maps import pass_pixel_maps


@MODELS.register_module()
class BiSeNetIncrementalHead(FCNHead):
    """``FCNHead`` whose classifier is a list of 1x1 convolutions, one per step.

    BiSeNet uses it three times: on the feature fusion module, where ``num_convs=0`` leaves only
    the classifier, and on the two branches of the context path, where one convolution makes the
    supervision map with its fixed number of channels (incremental BiSeNet, section 4).

    The ``state_dict`` is that of a plain ``FCNHead`` with ``num_classes=sum(classes_per_step)``.
    Losses with an attribute ``num_old`` are told the number of old channels; losses with an
    attribute ``pixel_maps`` get these maps of the data samples.

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
        for loss in self._losses():
            if hasattr(loss, 'num_old'):
                loss.num_old = self.num_old

    def _losses(self) -> list[nn.Module]:
        losses = self.loss_decode
        return list(losses) if isinstance(losses, nn.ModuleList) else [losses]

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of the head, as mmseg computes them, with the maps per pixel that they take.

        Args:
            seg_logits: Logits (N, C, h, w); they are resized to the labels.
            batch_data_samples: N samples with ``gt_sem_seg`` of shape (1, H, W) and, for a loss
                that takes the map NAME, ``gt_NAME``.

        Returns:
            Loss name to scalar, and ``acc_seg``, the pixel accuracy in percent.
        """
        with pass_pixel_maps(self._losses(), batch_data_samples):
            return super().loss_by_feat(seg_logits, batch_data_samples)
