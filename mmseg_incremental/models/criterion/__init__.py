"""From the low-resolution logits of a head to its losses."""

from .criterion import Criterion

__all__ = ['Criterion']
