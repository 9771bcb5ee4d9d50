"""Predictions after every step, side by side."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..utils.files import replace_atomically
from .label_map import VOID, colorize

_LEGEND_COLUMNS = 7
_LEGEND_ROW = 0.2  # inches


@dataclass(frozen=True)
class Example:
    """A picture with its label and what was predicted for it.

    Args:
        image: RGB, ``uint8`` of shape (H, W, 3).
        maps: Column title to label map of shape (H, W), in the labels of the data set.
        caption: What is written under the picture.
    """

    image: np.ndarray
    maps: Mapping[str, np.ndarray]
    caption: str = ''


def draw_prediction_grid(
    examples: Sequence[Example], names: Sequence[str], path: str | os.PathLike
) -> None:
    """Draw one row per picture: the picture, then its label maps in colour.

    Args:
        examples: The pictures; all have the same columns.
        names: Name of every label, background first; the classes in sight make the legend.
        path: PNG to write.

    Raises:
        OSError: If the folder cannot be written.
    """
    titles = ['picture', *examples[0].maps]
    figure = Figure(figsize=(1.9 * len(titles), 1.5 * len(examples) + 0.9), layout='constrained')
    axes = figure.subplots(len(examples), len(titles), squeeze=False)
    for row, example in zip(axes, examples, strict=True):
        panels = [example.image, *(colorize(labels) for labels in example.maps.values())]
        for cell, panel in zip(row, panels, strict=True):
            cell.imshow(panel, interpolation='nearest')
            cell.axis('off')
        row[0].text(0.5, -0.03, example.caption, fontsize=8, ha='center', va='top',
                    transform=row[0].transAxes)  # fmt: skip
    for cell, title in zip(axes[0], titles, strict=True):
        cell.set_title(title, fontsize=10)
    in_sight = {int(v) for e in examples for labels in e.maps.values() for v in np.unique(labels)}
    legend = {names[label]: _color(label) for label in sorted(in_sight - {VOID})}
    if VOID in in_sight:
        legend['void'] = _color(VOID)
    handles = [Patch(facecolor=c, edgecolor='grey', label=name) for name, c in legend.items()]
    _add_legend(figure, handles)
    replace_atomically(path, lambda name: figure.savefig(name, dpi=100))


def _add_legend(figure: Figure, handles: Sequence[Patch]) -> None:
    """Add a legend of as many columns as fit the width of the figure."""
    for columns in range(min(_LEGEND_COLUMNS, len(handles)), 0, -1):
        # Matplotlib fills column after column, and people read row after row
        by_column = [handle for first in range(columns) for handle in handles[first::columns]]
        legend = figure.legend(
            handles=by_column, loc='outside lower center', ncols=columns, fontsize=9
        )
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            break
        legend.remove()
    rows = math.ceil(len(handles) / columns)
    figure.set_figheight(figure.get_figheight() + _LEGEND_ROW * (rows - 1))


def _color(label: int) -> list[float]:
    return (colorize(np.array([[label]]))[0, 0] / 255).tolist()
