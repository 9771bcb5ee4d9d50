"""Annotations of other kinds, from which masks of label values are made."""

from .base import MaskSource
from .find import find_mask_source
from .write import write_masks

__all__ = ['MaskSource', 'find_mask_source', 'write_masks']
