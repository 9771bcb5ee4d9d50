"""Old classes against new ones: every method and seed a point."""

import os
import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from ..utils.files import replace_atomically

_MARKERS = 'osD^vP<>ph8d'


def draw_old_new_plot(
    points: Mapping[str, Sequence[tuple[float, float]]],
    corner: str,
    title: str,
    path: str | os.PathLike,
) -> None:
    """Draw what is kept of the old classes against what is learnt of the new ones.

    Small markers are seeds, the large one is their mean. Markers differ in shape too, so that the
    plot can be read without colours.

    Args:
        points: Method to (old, new) mIoU (%) of every seed.
        corner: The method that marks what can be reached, drawn as a star with lines to the axes.
        title: Title of the plot.
        path: PNG to write.

    Raises:
        OSError: If the folder cannot be written.
    """
    figure = Figure(figsize=(8, 5.5), layout='constrained')
    axes = figure.add_subplot()
    for place, (label, seeds) in enumerate(points.items()):
        if not seeds:
            continue
        old, new = zip(*seeds, strict=True)
        mean = sum(old) / len(old), sum(new) / len(new)
        marker = '*' if label == corner else _MARKERS[place % len(_MARKERS)]
        color = 'black' if label == corner else f'C{place % 10}'
        axes.scatter(old, new, s=14, marker=marker, color=color, alpha=0.5)
        axes.scatter(*mean, s=130 if label == corner else 70, marker=marker, color=color,
                     edgecolors='black', linewidths=0.8, label=label, zorder=3)  # fmt: skip
        axes.annotate(label, mean, xytext=(6, 5), textcoords='offset points', fontsize=8)
        if label == corner:
            axes.axvline(mean[0], color='black', linewidth=0.7, linestyle=':')
            axes.axhline(mean[1], color='black', linewidth=0.7, linestyle=':')
    axes.set_xlabel('old classes, mIoU (%)')
    axes.set_ylabel('new classes, mIoU (%)')
    axes.margins(x=0.15, y=0.08)  # for the names beside the last markers
    axes.set_xlim(left=-1)
    axes.set_ylim(bottom=-1)
    axes.grid(alpha=0.3)
    figure.suptitle(textwrap.fill(title, 80))
    figure.legend(loc='outside right center')
    replace_atomically(path, lambda name: figure.savefig(name, dpi=120))
