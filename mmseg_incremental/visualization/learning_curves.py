"""mIoU while a step is being learnt."""

import os
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..utils.files import replace_atomically


def draw_learning_curves(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    title: str,
    path: str | os.PathLike,
    x_label: str = 'epoch',
) -> None:
    """Draw one line per run.

    Args:
        curves: Run to its points: epoch (or what ``x_label`` says) and mIoU in per cent.
        title: Title of the plot.
        path: PNG to write.
        x_label: What the first value of a point is.

    Raises:
        OSError: If the folder cannot be written.
    """
    figure = Figure(figsize=(6.4, 4.2), layout='constrained')
    axes = figure.add_subplot()
    for label, points in curves.items():
        axes.plot([x for x, _ in points], [y for _, y in points], marker='o', label=label)
    axes.set_xlabel(x_label)
    axes.set_ylabel('mIoU (%)')
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.set_title(title)
    axes.legend()
    replace_atomically(path, lambda name: figure.savefig(name, dpi=120))
