"""The boundary distance map of a training crop, made where the crop is made."""

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import PixelData
from mmseg.registry import TRANSFORMS

from ..errors import InputError
from ..utils.distance_map import boundary_distance_map, check_sigma


@TRANSFORMS.register_module()
class AddDistanceMap(BaseTransform):
    """Add the boundary distance map of the labels to a packed sample.

    It runs after ``PackSegInputs``, so that the map is that of the crop, whatever crops, flips or
    rotations were before. See :func:`~mmseg_incremental.utils.distance_map.boundary_distance_map`.

    Required key: ``data_samples`` with ``gt_sem_seg`` of shape (1, H, W). Modified:
    ``data_samples`` gets ``gt_distance_map``, float32 of shape (1, H, W).

    Args:
        sigma: Distance in pixels over which the map falls by a factor e, above 0.
        ignore_index: Label of the pixels that are no class.
        num_old: Number of old channels, background included. Labels below it count as background,
            as for the unbiased losses.

    Raises:
        InputError: If ``sigma`` is not above 0.
    """

    def __init__(self, sigma: float = 5.0, ignore_index: int = 255, num_old: int = 0) -> None:
        check_sigma(sigma)
        self.sigma = sigma
        self.ignore_index = ignore_index
        self.num_old = num_old

    def transform(self, results: dict) -> dict:
        """Add the map.

        Args:
            results: Packed sample.

        Returns:
            The same dict.

        Raises:
            InputError: If the sample is not packed, has no labels, or has a distance map already.
        """
        sample = results.get('data_samples')
        if sample is None or 'gt_sem_seg' not in sample:
            raise InputError('AddDistanceMap must come after PackSegInputs, with labels loaded')
        if 'gt_distance_map' in sample:
            raise InputError(
                'two AddDistanceMap in one pipeline; losses that take the map must agree in sigma'
            )
        labels = sample.gt_sem_seg.data[0].numpy()
        old = (labels < self.num_old) & (labels != self.ignore_index)
        nearness = boundary_distance_map(np.where(old, 0, labels), self.ignore_index, self.sigma)
        sample.gt_distance_map = PixelData(data=torch.from_numpy(nearness)[None])
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(sigma={self.sigma}, ignore_index={self.ignore_index}, '
            f'num_old={self.num_old})'
        )
