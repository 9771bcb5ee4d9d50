"""Pictures of what a sequence learnt and forgot."""

from .label_map import colorize
from .prediction_grid import Example, draw_prediction_grid
from .step_matrix import draw_step_matrix

__all__ = ['Example', 'colorize', 'draw_prediction_grid', 'draw_step_matrix']
