"""One pixel: which probabilities the losses of MiB add up, and why."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scenes import COLORS, INK, save

NEW = (('triangle', 3, 0.25), ('background', 0, 0.25), ('disc', 1, 0.4), ('square', 2, 0.1))
OLD = (('background', 0, 0.5), ('disc', 1, 0.4), ('square', 2, 0.1))
ROWS = (
    ('plain cross-entropy of a pixel labelled background', 'background', 'background'),
    ('unbiased cross-entropy: background may be any old class', 'background', 'square'),
    ('unbiased distillation: what was background may be a new class', 'triangle', 'background'),
)


def main() -> None:
    """Draw the probabilities of both models and, between them, the sums."""
    figure = Figure(figsize=(8.2, 3.6), layout='constrained')
    axes = figure.add_subplot()
    draw_bar(axes, 4.2, OLD, 'old model')
    draw_bar(axes, 0, NEW, 'new model')
    edges = spans(NEW)
    for row, (text, first, last) in enumerate(ROWS):
        y = 1.0 + row
        left, right = edges[first][0], edges[last][1]
        axes.annotate(
            '', (left, y), (right, y), arrowprops=dict(arrowstyle='|-|', color=INK, linewidth=1.2)
        )
        for edge in (left, right):
            axes.plot([edge, edge], [0.3, y], color=INK, linewidth=0.4, linestyle=':')
        axes.text(0, y + 0.32, f'{text}: {right - left:.2f}', color=INK, fontsize=8.5)
    axes.set(xlim=(-0.17, 1), ylim=(-0.5, 4.8))
    axes.set_axis_off()
    save(figure, __file__)


def spans(bar: tuple) -> dict[str, tuple[float, float]]:
    """Name of a class to the ends of its piece."""
    found, left = {}, 0.0
    for name, _, share in bar:
        found[name] = (left, left + share)
        left += share
    return found


def draw_bar(axes: Axes, y: float, bar: tuple, title: str) -> None:
    """Draw probabilities as pieces of a bar, with their names in them."""
    for name, label, share in bar:
        left, right = spans(bar)[name]
        axes.barh(y, share, left=left, height=0.6, color=COLORS[label], edgecolor=INK)
        dark = label in (1, 3)
        axes.text(
            (left + right) / 2, y, f'{name}\n{share:.2f}', ha='center', va='center',
            color='white' if dark else INK, fontsize=8,
        )  # fmt: skip
    axes.text(-0.02, y, title, ha='right', va='center', color=INK)


if __name__ == '__main__':
    main()
