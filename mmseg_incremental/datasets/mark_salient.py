"""Salient objects without a class, marked in the labels where these are loaded."""

import os
from pathlib import Path

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from ..errors import InputError


@TRANSFORMS.register_module()
class MarkSalient(BaseTransform):
    """Give salient background pixels a label of their own.

    It runs right after the labels are loaded and mapped to those of the step, so that whatever
    crops or flips the labels does the same to the mark. The maps come from any detector of salient
    objects, one file per picture, made beforehand.

    Required keys: ``img_path`` and ``gt_seg_map`` (H, W), 0 for the background. Modified:
    ``gt_seg_map``.

    Args:
        folder: Folder of the maps, ``NAME.png`` for the picture ``NAME.jpg``; what is not 0 is
            salient.
        label: Label of a salient background pixel, 1 to 254.

    Raises:
        InputError: If the label is none of these.
    """

    def __init__(self, folder: str | os.PathLike, label: int) -> None:
        if not 0 < label < 255:
            raise InputError(f'MarkSalient: label must be within 1 to 254, not {label}')
        self.folder = Path(folder)
        self.label = label

    def transform(self, results: dict) -> dict:
        """Mark the labels of a picture.

        Args:
            results: What is loaded so far.

        Returns:
            The same dict.

        Raises:
            InputError: If the picture has no map, or one of another size.
        """
        labels = results['gt_seg_map']
        path = self.folder / f'{Path(results["img_path"]).stem}.png'
        salient = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.is_file() else None
        if salient is None:
            raise InputError(f'{path}: saliency map of {results["img_path"]} is missing or broken')
        if salient.shape != labels.shape:
            raise InputError(
                f'{path}: saliency map of {salient.shape} pixels, but the labels have '
                f'{labels.shape}'
            )
        marked = np.where((labels == 0) & (salient > 0), self.label, labels)
        results['gt_seg_map'] = marked.astype(labels.dtype)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(folder={str(self.folder)!r}, label={self.label})'
