"""The network that is exported: from raw pixels to labels."""

from collections.abc import Mapping

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import InputError
from ..sequence.finished_step import FinishedStep

_KEEP_PICTURES = {'LoadImageFromFile', 'LoadAnnotations', 'PackSegInputs'}


class Labeller(nn.Module):
    """From pictures to label maps: normalisation, network, logits at full size, maximum.

    Args:
        model: A stock segmentor in evaluation mode; auxiliary heads are left out.
        preprocessor: Config of its data preprocessor.
    """

    def __init__(self, model: EncoderDecoder, preprocessor: Mapping) -> None:
        super().__init__()
        self.backbone, self.decode_head = model.backbone, model.decode_head
        self.neck = model.neck if model.with_neck else nn.Identity()
        self.flip = preprocessor.get('bgr_to_rgb', False) or preprocessor.get('rgb_to_bgr', False)
        for name, default in (('mean', [0.0]), ('std', [1.0])):
            values = preprocessor.get(name) or default
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32).view(-1, 1, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """Label every pixel.

        Args:
            pictures: uint8 of shape (N, 3, H, W), channels in the order blue, green, red.

        Returns:
            Labels, uint8 of shape (N, H, W).
        """
        inputs = pictures.float()
        inputs = ((inputs.flip(1) if self.flip else inputs) - self.mean) / self.std
        logits = self.decode_head(self.neck(self.backbone(inputs)))
        align = self.decode_head.align_corners
        logits = F.interpolate(logits, pictures.shape[-2:], mode='bilinear', align_corners=align)
        return logits.argmax(1).to(torch.uint8)


def check_exportable(step: FinishedStep) -> None:
    """Refuse a step that does more between pixels and labels than :class:`Labeller`.

    Args:
        step: The step.

    Raises:
        InputError: If its method, its test pipeline or its test mode cannot be exported.
    """
    path, cfg = step.path, step.config
    if cfg.model.type != 'EncoderDecoder':
        raise InputError(
            f'{path}: the decisions of its method are not those of stock mmseg, so that they '
            'cannot be exported'
        )
    changes = {transform.type for transform in cfg.get('test_pipeline', [])} - _KEEP_PICTURES
    if changes:
        raise InputError(f'{path}: {sorted(changes)} of its test_pipeline cannot be exported')
    if cfg.model.get('test_cfg', {}).get('mode', 'whole') != 'whole':
        raise InputError(f"{path}: only the test mode 'whole' can be exported")
    if cfg.model.data_preprocessor.get('test_cfg'):
        raise InputError(f'{path}: test_cfg of the data preprocessor cannot be exported')
