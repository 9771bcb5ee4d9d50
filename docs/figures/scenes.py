"""Drawn scenes of labelled shapes, and what the figures have in common.

Each script in this folder draws the picture of its own name: ``python docs/figures/NAME.py``.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Patch, Rectangle, RegularPolygon

from mmseg_incremental.tasks import Task

NAMES = ('disc', 'square', 'triangle', 'pentagon')
TASK = Task('shapes', '2-1', NAMES, ((1, 2), (3,), (4,)))
COLORS = {0: '#dfe3e8', 1: '#3b6fb6', 2: '#d98a29', 3: '#3c9a5f', 4: '#a3478f'}
INK = '#27313c'

mpl.rcParams.update({'svg.fonttype': 'none', 'svg.hashsalt': 'figures', 'font.size': 9})


class Shape(NamedTuple):
    """A labelled shape: its class, and its centre in a unit square."""

    label: int
    x: float
    y: float


def patch(shape: Shape, **style: object) -> Patch:
    """The outline of a shape."""
    place, radius = (shape.x, shape.y), 0.2
    if shape.label == 1:
        return Circle(place, radius * 0.85, **style)
    if shape.label == 2:
        side = radius * 1.5
        return Rectangle((shape.x - side / 2, shape.y - side / 2), side, side, **style)
    if shape.label == 3:
        return RegularPolygon(place, 3, radius=radius, **style)
    return RegularPolygon(place, 5, radius=radius, **style)


def draw_label(axes: Axes, scene: Sequence[Shape], shown: Iterable[int]) -> None:
    """Draw a label map: shown classes in their colours, others as an outline on the background."""
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[], aspect='equal')
    axes.set_facecolor(COLORS[0])
    for shape in scene:
        if shape.label in set(shown):
            axes.add_patch(patch(shape, facecolor=COLORS[shape.label], edgecolor=INK))
        else:
            axes.add_patch(patch(shape, facecolor='none', edgecolor='#8a939d', linestyle=':'))


def save(figure: Figure, script: str) -> None:
    """Write the figure beside its script, without a date, so that it changes with its content."""
    path = Path(script).with_suffix('.svg')
    figure.savefig(path, bbox_inches='tight', metadata={'Date': None})
