"""Pictures of what a sequence learnt and forgot."""

from .background_shift_plot import draw_background_shift
from .group_plot import draw_group_plot
from .label_map import colorize
from .learning_curves import draw_learning_curves
from .old_new_plot import draw_old_new_plot
from .prediction_grid import Example, draw_prediction_grid
from .step_matrix import draw_step_matrix

__all__ = [
    'Example',
    'colorize',
    'draw_background_shift',
    'draw_group_plot',
    'draw_learning_curves',
    'draw_old_new_plot',
    'draw_prediction_grid',
    'draw_step_matrix',
]
