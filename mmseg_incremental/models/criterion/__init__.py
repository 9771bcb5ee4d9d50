"""From the low-resolution logits of a head to its losses."""

from .full import FullCriterion
from .piecewise import PiecewiseCriterion

__all__ = ['FullCriterion', 'PiecewiseCriterion']
