"""Which classes the pictures of every step hold, labelled and hidden, as one picture."""

import os
from collections.abc import Sequence

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from ..datasets.background_shift import StepContent
from ..tasks import Task
from ..utils.files import replace_atomically

#: State of a class at a step: fill and hatch, so that it can be read without colours.
_STATES = {
    'absent': ('#f2f2f2', ''),
    'labelled': ('#9ecae1', ''),
    'hidden, learnt before': ('#fdae6b', '///'),
    'hidden, learnt later': ('#c7e9c0', '...'),
}
_MOST_NUMBERS = 40  # classes up to which numbers fit into the cells


def draw_background_shift(
    task: Task, contents: Sequence[StepContent], path: str | os.PathLike
) -> None:
    """Draw the number of pictures with each class (columns) at each step (rows).

    Args:
        task: The task.
        contents: What the steps hold.
        path: PNG to write.

    Raises:
        OSError: If the folder cannot be written.
    """
    order = task.class_order
    states = np.array([[_state(task, content, c) for c in order] for content in contents])
    width = 3 + (0.5 if len(order) <= _MOST_NUMBERS else 0.14) * len(order)
    figure = Figure(figsize=(width, 2.4 + 0.5 * len(contents)), layout='constrained')
    axes = figure.add_subplot()
    colors = ListedColormap([color for color, _ in _STATES.values()])
    axes.pcolor(states, cmap=colors, vmin=-0.5, vmax=3.5, edgecolors='white', linewidth=1)
    for (row, column), state in np.ndenumerate(states):
        hatch = list(_STATES.values())[state][1]
        axes.add_patch(
            Rectangle((column, row), 1, 1, fill=False, hatch=hatch, edgecolor='#0000004d', lw=0)
        )
        if len(order) <= _MOST_NUMBERS and state:
            number = contents[row].pictures[order[column]]
            axes.text(column + 0.5, row + 0.5, number, ha='center', va='center', fontsize=8)
    axes.set_xticks(np.arange(len(order)) + 0.5, [task.names[c - 1] for c in order], rotation=90)
    axes.set_yticks(np.arange(len(contents)) + 0.5, [f'step {c.step}' for c in contents])
    axes.invert_yaxis()
    axes.set_title('training pictures with a class')
    handles = [Patch(facecolor=c, hatch=h, edgecolor='grey', label=n) for n, (c, h) in
               _STATES.items()]  # fmt: skip
    figure.legend(handles=handles, loc='outside lower center', ncols=len(handles), fontsize=8)
    replace_atomically(path, lambda name: figure.savefig(name, dpi=120))


def _state(task: Task, content: StepContent, label: int) -> int:
    """Place in ``_STATES``."""
    if not content.pictures[label]:
        return 0
    if label in content.shown:
        return 1
    return 2 if label in task.old_classes(content.step) else 3
