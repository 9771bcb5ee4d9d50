"""Cross-entropy against focal loss on a hand-made picture (Figures 7 and 8 of the paper)."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Patch

from mmseg_incremental.models.losses import focal_unbiased_cross_entropy, unbiased_cross_entropy
from mmseg_incremental.utils.files import replace_atomically

CERTAINTIES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
NAMES = ('background', 'boat', 'ocean', 'cloud')
_COLORS = ('#f4efe3', '#b5432f', '#2f6fae', '#a9b8c6')
_CE_COLOR, _FOCAL_COLOR = '#1f4e8c', '#d1592a'
_ROWS = (1, 2, 3, 0)  # the paper's three classes first
_DRAWING = """\
....................
.............ccc....
...........cccccc...
..........ccccccccc.
.......b...ccccccc..
.......bb...........
.......bbb..........
.......bbbb.........
.......bbbbb........
.......bbbbbb.......
.......bbbbbbb......
.......b............
...bbbbbbbbbbbbb....
....bbbbbbbbbbb.....
~~..bbbbbbbbbbb..~~.
~~~~~bbbbbbbbb~~~~~~
~~~~~~~~~~~~~~~~~~~~
~~~~~~~~~~~~~~~~~~~~
~~~~~~~~~~~~~~~~~~~~
~~~~~~~~~~~~~~~~~~~~"""
_GAP = 0.08  # between two maps, in widths of a map


@dataclass(frozen=True)
class LossValues:
    """Both losses at some certainties.

    Args:
        cross_entropy: Cross-entropy in nats, one value per certainty.
        focal: Focal loss in nats, one value per certainty.
    """

    cross_entropy: np.ndarray
    focal: np.ndarray


def example_labels() -> np.ndarray:
    """The example picture of Figure 7: a boat on the ocean under a cloud.

    Returns:
        Label map of shape (20, 20), ``int64``; the labels are the places in ``NAMES``.
    """
    return np.array([['.b~c'.index(sign) for sign in line] for line in _DRAWING.splitlines()])


def certainty_maps(certainty: float) -> np.ndarray:
    """Probabilities of a model that is equally certain of every pixel of the example.

    Args:
        certainty: Probability of the right class; the others share the rest.

    Returns:
        Array of shape (4, 20, 20): one map per class of ``NAMES``.
    """
    right = example_labels() == np.arange(len(NAMES))[:, None, None]
    return np.where(right, certainty, (1 - certainty) / (len(NAMES) - 1))


def loss_values(certainties: Sequence[float], gamma: float = 2.0) -> LossValues:
    """Both losses of the example picture.

    They are the package's own losses in a first step, where no old class is hidden in the
    background.

    Args:
        certainties: Probabilities of the right class, above 0 and at most 1.
        gamma: Exponent of the focal loss.

    Returns:
        The values, in the order of ``certainties``.

    Raises:
        ValueError: If a certainty is out of range.
    """
    if not all(0 < certainty <= 1 for certainty in certainties):
        raise ValueError(f'certainties must be above 0 and at most 1, got {list(certainties)}')
    target = torch.from_numpy(example_labels())[None]
    cross_entropy, focal = [], []
    for certainty in certainties:
        logits = torch.from_numpy(certainty_maps(certainty))[None].log()
        cross_entropy.append(unbiased_cross_entropy(logits, target, num_old=0).item())
        loss = focal_unbiased_cross_entropy(logits, target, num_old=0, gamma=gamma)
        focal.append(loss.item())
    return LossValues(np.array(cross_entropy), np.array(focal))


def draw_focal_loss_figure(
    path: str | os.PathLike, gamma: float = 2.0, certainties: Sequence[float] = CERTAINTIES
) -> None:
    """Draw the example, the certainty maps and both losses.

    Left the picture of Figure 7; right Figure 8: a row of certainty maps per class, a column per
    certainty, and under the columns the values and the curves of both losses.

    Args:
        path: PNG to write.
        gamma: Exponent of the focal loss.
        certainties: Probabilities of the right class, one column each; two at least, falling.

    Raises:
        ValueError: If the certainties are out of range or do not fall.
        OSError: If the folder cannot be written.
    """
    if len(certainties) < 2 or any(np.diff(certainties) >= 0):
        raise ValueError(f'certainties must be two or more and fall, got {list(certainties)}')
    values = loss_values(certainties, gamma)
    tile, left, right = 1.15, 5.0, 0.35  # inches
    width = left + tile * (len(certainties) * (1 + _GAP) - _GAP) + right
    figure = Figure(figsize=(width, 9.0))
    sides = dict(left=left / width, right=1 - right / width)
    _draw_example(figure, 0.3 / width, 4.1 / width)
    columns = _draw_maps(figure, certainties, sides)
    _write_values(columns, values)
    curves = figure.add_axes((sides['left'], 0.075, sides['right'] - sides['left'], 0.17))
    _draw_curves(curves, certainties, values, gamma)
    figure.legend(*curves.get_legend_handles_labels(), loc='center left',
                  bbox_to_anchor=(0.6 / width, 0.16), fontsize=12, frameon=False)  # fmt: skip
    for column, certainty, value in zip(columns, certainties, values.cross_entropy, strict=True):
        guide = dict(color='0.6', linewidth=0.8, linestyle=':', zorder=0)
        figure.add_artist(
            ConnectionPatch(
                (0.5, -0.48), (certainty, value), column.transAxes, curves.transData, **guide
            )
        )
    replace_atomically(path, lambda name: figure.savefig(name, dpi=110))


def _draw_example(figure: Figure, left: float, right: float) -> None:
    axes = figure.add_axes((left, 0.4, right - left, 0.485), anchor='N')
    axes.imshow(example_labels(), cmap=ListedColormap(_COLORS), interpolation='nearest')
    axes.set_xticks(np.arange(0.5, 19), [])
    axes.set_yticks(np.arange(0.5, 19), [])
    axes.grid(color='white', linewidth=0.4, alpha=0.6)
    axes.tick_params(length=0)
    axes.set_title('example picture, 20 x 20 pixels', fontsize=12)
    handles = [Patch(facecolor=_COLORS[k], edgecolor='0.5', label=NAMES[k]) for k in _ROWS]
    axes.legend(handles=handles, loc='upper center', bbox_to_anchor=(0.5, -0.02), ncols=2,
                frameon=False, fontsize=12)  # fmt: skip


def _draw_maps(figure: Figure, certainties: Sequence[float], sides: dict) -> list[Axes]:
    """Draw a row per class and a column per certainty; returns the axes of the lowest row."""
    grid = figure.add_gridspec(
        len(NAMES), len(certainties), **sides, bottom=0.345, top=0.885, wspace=_GAP, hspace=_GAP
    )
    axes = grid.subplots()
    for column, certainty in enumerate(certainties):
        maps = certainty_maps(certainty)
        for row, label in enumerate(_ROWS):
            image = axes[row, column].imshow(maps[label], vmin=0, vmax=1, cmap='viridis')
            axes[row, column].set(xticks=[], yticks=[])
        axes[0, column].set_title(f'{certainty:g}', fontsize=12)
    for row, label in enumerate(_ROWS):
        axes[row, 0].set_ylabel(NAMES[label], fontsize=12)
    bar = figure.add_axes((sides['left'], 0.945, sides['right'] - sides['left'], 0.02))
    figure.colorbar(image, cax=bar, orientation='horizontal', ticklocation='top')
    bar.set_ylabel('certainty', fontsize=12, rotation=0, ha='right', va='center')
    return list(axes[-1])


def _write_values(columns: Sequence[Axes], values: LossValues) -> None:
    rows = (('CE', values.cross_entropy, _CE_COLOR), ('FL', values.focal, _FOCAL_COLOR))
    for height, (name, numbers, color) in zip((-0.1, -0.27), rows, strict=True):
        style = dict(color=color, va='top', fontsize=12)
        columns[0].text(-0.06, height, name, ha='right', transform=columns[0].transAxes, **style)
        for axes, number in zip(columns, numbers, strict=True):
            axes.text(0.5, height, f'{number:.3f}', ha='center', transform=axes.transAxes, **style)


def _draw_curves(
    axes: Axes, certainties: Sequence[float], values: LossValues, gamma: float
) -> None:
    # equal steps of certainty put each point right under its column
    margin = (certainties[0] - certainties[-1]) / (len(certainties) - 1) / (2 * (1 + _GAP))
    start, end = certainties[0] + margin, certainties[-1] - margin
    line = np.linspace(min(start, 1.0), max(end, 0.01), 200)
    smooth = loss_values(line, gamma)
    focal_label = rf'focal loss FL: $-(1 - p)^{{{gamma:g}}}\,\log\,p$'
    axes.plot(line, smooth.cross_entropy, color=_CE_COLOR, label=r'cross-entropy CE: $-\log\,p$')
    axes.plot(line, smooth.focal, color=_FOCAL_COLOR, label=focal_label)
    axes.plot(certainties, values.cross_entropy, 'o', color=_CE_COLOR)
    axes.plot(certainties, values.focal, 'o', color=_FOCAL_COLOR)
    axes.set(xlim=(start, end), xlabel='certainty p of the right class', ylabel='loss (nats)')
    axes.set_xticks(certainties, [f'{certainty:g}' for certainty in certainties])
    axes.spines[['top', 'right']].set_visible(False)
    axes.patch.set_visible(False)  # the guides from the columns end on the curve
