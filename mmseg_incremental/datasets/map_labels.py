"""The transform that shows a step its labels, and where it goes."""

import numpy as np
from mmcv.transforms import BaseTransform, LoadAnnotations
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class MapLabels(BaseTransform):
    """Look every pixel of ``gt_seg_map`` up in a table.

    Args:
        table: ``uint8`` array of shape (256,).
    """

    def __init__(self, table: np.ndarray) -> None:
        self.table = np.asarray(table, dtype=np.uint8)

    def transform(self, results: dict) -> dict:
        """Replace ``results['gt_seg_map']``, of shape (H, W), by its mapped copy."""
        results['gt_seg_map'] = self.table[results['gt_seg_map']]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


def map_after_loading(transforms: object, mapping: MapLabels) -> int:
    """Insert a transform after every LoadAnnotations, within RandomApply, TestTimeAug, ... too.

    Args:
        transforms: A pipeline (a list or a ``Compose``), or a transform with others in it.
        mapping: The transform.

    Returns:
        How often it was inserted.
    """
    if not isinstance(transforms, list):
        holders = (getattr(transforms, name, None) for name in ('transforms', 'subroutines'))
        return sum(map_after_loading(held, mapping) for held in holders if held is not None)
    count = 0
    for position in reversed(range(len(transforms))):
        if isinstance(transforms[position], LoadAnnotations):
            transforms.insert(position + 1, mapping)
            count += 1
        else:
            count += map_after_loading(transforms[position], mapping)
    return count
