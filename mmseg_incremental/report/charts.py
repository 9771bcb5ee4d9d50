"""Line charts and scatter plots as SVG that takes the colours of the page around it."""

import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

Points = Sequence[tuple[float, float | None]]

_INK = '#010203'  # becomes the colour of the text around the drawing
_COLORS = ('#0077c2', '#d55e00', '#009e73', '#c05a9a', '#b8860b', '#56a0d3')
_LINES = ('-', '--', '-.', ':')
_MARKERS = 'osD^vP<>X*'
_COLUMNS = 4
_HEADROOM = 0.06
_STYLE = {
    'svg.fonttype': 'none',
    'font.family': 'sans-serif',
    'font.size': 9,
    'text.color': _INK,
    'axes.edgecolor': _INK,
    'axes.labelcolor': _INK,
    'axes.facecolor': 'none',
    'axes.spines.top': False,
    'axes.spines.right': False,
    'xtick.color': _INK,
    'ytick.color': _INK,
    'grid.color': _INK,
    'grid.alpha': 0.15,
    'legend.frameon': False,
}


def line_chart(
    lines: Mapping[str, Points], x_label: str, y_label: str, whole_x: bool = True
) -> str:
    """Lines that differ in colour, dashes and markers.

    Args:
        lines: Name to points; y is None where there is none.
        x_label: What x is.
        y_label: What y is.
        whole_x: Whether x is a few whole numbers.

    Returns:
        An ``<svg>`` element.
    """

    def draw(axes: Axes) -> None:
        """Draw what the chart shows."""
        for place, (name, points) in enumerate(lines.items()):
            known = [(x, y) for x, y in points if y is not None]
            axes.plot(
                *zip(*known, strict=True),
                color=_COLORS[place % len(_COLORS)],
                linestyle=_LINES[place % len(_LINES)],
                marker=_MARKERS[place % len(_MARKERS)],
                markersize=5 if whole_x else 3,
                label=name,
            )
        _begin_at_zero(axes.set_ylim, axes.dataLim.y1)
        if whole_x:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))

    return _svg(draw, x_label, y_label, f'{y_label} against {x_label}')


def scatter_chart(groups: Mapping[str, Points], x_label: str, y_label: str) -> str:
    """Points of groups, small, and the mean of each, large.

    Args:
        groups: Name to points.
        x_label: What x is.
        y_label: What y is.

    Returns:
        An ``<svg>`` element.
    """

    def draw(axes: Axes) -> None:
        """Draw what the chart shows."""
        for place, (name, points) in enumerate(groups.items()):
            x, y = zip(*points, strict=True)
            mark = partial(
                axes.scatter,
                color=_COLORS[place % len(_COLORS)],
                marker=_MARKERS[place % len(_MARKERS)],
            )
            mark(x, y, s=16, alpha=0.6, clip_on=False)
            mark(
                [sum(x) / len(x)],
                [sum(y) / len(y)],
                s=80,
                edgecolors=_INK,
                label=name,
                clip_on=False,
            )
        _begin_at_zero(axes.set_xlim, axes.dataLim.x1)
        _begin_at_zero(axes.set_ylim, axes.dataLim.y1)

    return _svg(draw, x_label, y_label, f'{y_label} against {x_label}')


def _begin_at_zero(set_limits: Callable[[float, float], object], largest: float) -> None:
    """Leave room for the marks of the largest values."""
    set_limits(0, largest * (1 + _HEADROOM) or 1)


def _svg(draw: Callable[[Axes], None], x_label: str, y_label: str, title: str) -> str:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5.6, 3.6))
        axes = figure.add_axes((0.11, 0.13, 0.86, 0.7))
        draw(axes)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.grid(True)
        axes.legend(loc='lower left', bbox_to_anchor=(0, 1.01), borderaxespad=0, ncols=_COLUMNS)
        out = io.StringIO()
        figure.savefig(out, format='svg', transparent=True, metadata={'Date': None, 'Title': title})
    text = out.getvalue()
    text = text[text.index('<svg') :].replace(_INK, 'currentColor')
    return text.replace('<svg', '<svg role="img"', 1)
