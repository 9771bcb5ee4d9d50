"""How MiB, and most later work, brings pictures to the network in training and in evaluation."""

from collections.abc import Sequence

import mmcv
import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomResizedCrop(BaseTransform):
    """Cut out a random part of a picture and its labels, and resize it to one size.

    The part is drawn by torchvision: ten attempts with an area and an aspect ratio; if none fits
    into the picture, it is the whole picture, cut to the nearest aspect ratio that is allowed. The
    picture is resized bilinearly with antialiasing (Pillow), the labels to the nearest.

    Source: the code of Cermelli et al., *Modeling the Background*, CVPR 2020. Its areas of 0.5 to
    2 amount to 0.5 to 1, since larger ones never fit.

    Required keys: ``img`` (H, W, 3), ``gt_seg_map`` (H, W) if there is one. Modified: both, and
    ``img_shape``.

    Args:
        crop_size: Height and width of the result; None if the config of the sequence says it.
        area: Smallest and largest area of the part, relative to the picture.
        ratio: Smallest and largest width / height of the part.
    """

    def __init__(
        self,
        crop_size: Sequence[int] | None,
        area: Sequence[float] = (0.5, 2.0),
        ratio: Sequence[float] = (3 / 4, 4 / 3),
    ) -> None:
        self.crop_size = crop_size
        self.area = list(area)
        self.ratio = list(ratio)

    @cache_randomness
    def draw_part(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Top, left, height and width of the part."""
        # not at import: it takes seconds, and few configs need it
        from torchvision.transforms import RandomResizedCrop as Torchvision

        return Torchvision.get_params(torch.empty(0, height, width), self.area, self.ratio)

    def transform(self, results: dict) -> dict:
        """Cut and resize the picture and its labels."""
        top, left, height, width = self.draw_part(*results['img'].shape[:2])
        size = tuple(self.crop_size)[::-1]

        def cut(values: np.ndarray, interpolation: str) -> np.ndarray:
            part = np.ascontiguousarray(values[top : top + height, left : left + width])
            return mmcv.imresize(part, size, interpolation=interpolation, backend='pillow')

        results['img'] = cut(results['img'], 'bilinear')
        results['img_shape'] = results['img'].shape[:2]
        for key in results.get('seg_fields', []):
            results[key] = cut(results[key], 'nearest')
        return results


@TRANSFORMS.register_module()
class EvaluateAtThisSize(BaseTransform):
    """Evaluate predictions at the size that the picture has now.

    mmseg enlarges predictions to ``ori_shape``, the size of the file. Where the labels were resized
    and cropped with the picture, as in MiB's evaluation, the present size is the original one.

    Modified keys: ``ori_shape``.
    """

    def transform(self, results: dict) -> dict:
        """Take the present size for the original one."""
        results['ori_shape'] = results['img'].shape[:2]
        return results
