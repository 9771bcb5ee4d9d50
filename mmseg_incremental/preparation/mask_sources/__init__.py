"""Annotations of other kinds, from which masks of label values are made."""

from .base import MaskSource
from .coco import CocoMasks
from .colors import ColorMasks, read_colors
from .find import find_mask_source
from .write import write_masks

__all__ = [
    'CocoMasks',
    'ColorMasks',
    'MaskSource',
    'find_mask_source',
    'read_colors',
    'write_masks',
]
