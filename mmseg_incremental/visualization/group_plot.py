"""Mean and spread of several groups of runs, side by side."""

import os
import textwrap
from collections.abc import Mapping

from matplotlib.figure import Figure

from ..utils.files import replace_atomically

#: A value and its standard deviation (None with a single run).
Value = tuple[float, float | None]


def draw_group_plot(
    values: Mapping[str, Mapping[str, Value]], title: str, path: str | os.PathLike
) -> None:
    """Draw one row per group of runs and one marker per metric, with error bars.

    Args:
        values: Group to metric name to mean and standard deviation, in per cent.
        title: Title of the plot.
        path: PNG to write.

    Raises:
        OSError: If the folder cannot be written.
    """
    figure = Figure(figsize=(8, 1.6 + 0.45 * len(values)), layout='constrained')
    axes = figure.add_subplot()
    metrics = list(dict.fromkeys(name for group in values.values() for name in group))
    for place, metric in enumerate(metrics):
        shift = 0.16 * (place - (len(metrics) - 1) / 2)
        points = [(row, v[metric]) for row, v in enumerate(values.values()) if metric in v]
        axes.errorbar(
            [mean for _, (mean, _) in points],
            [row + shift for row, _ in points],
            xerr=[deviation or 0 for _, (_, deviation) in points],
            fmt='o',
            capsize=3,
            clip_on=False,
            label=metric,
        )
    axes.set_yticks(range(len(values)), list(values))
    axes.invert_yaxis()
    axes.set_xlabel('mIoU (%)')
    axes.set_xlim(left=0)
    axes.grid(axis='x', alpha=0.3)
    figure.suptitle(textwrap.fill(title, 80))
    figure.legend(loc='outside right center')
    replace_atomically(path, lambda name: figure.savefig(name, dpi=120))
