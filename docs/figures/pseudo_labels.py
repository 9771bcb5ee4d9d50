"""How PLOP and SSUL fill the background of a label with what the old model knows."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from scenes import COLORS, INK, Shape, patch, save
from scipy.ndimage import gaussian_filter

from mmseg_incremental.methods.targets.entropy_pseudo_labels import (
    entropy_pseudo_labels,
    normalised_entropy,
)

SIZE, VOID = 96, 255
SCENE = (Shape(1, 0.28, 0.68), Shape(2, 0.72, 0.68), Shape(3, 0.5, 0.28))
#: How sure the old model is of disc and square: it has never been sure of this square.
SURE = {1: 9.0, 2: 3.2}


def main() -> None:
    """Draw the label of the step, what the old model says, and the label that is learnt."""
    figure = Figure(figsize=(8.2, 2.6), layout='constrained')
    grid = figure.subplots(1, 4)
    label = np.where(mask(SCENE[2]), 3, 0)
    logits = old_logits()
    scale, epsilon = 1.0, 1e-8
    entropy = normalised_entropy(logits, scale, epsilon)[0]
    predicted = logits.argmax(1)[0]
    thresholds = torch.stack([entropy[predicted == c].median() for c in range(3)])
    thresholds[2] = thresholds[:2].max()
    made, _ = entropy_pseudo_labels(
        torch.from_numpy(label)[None], logits, thresholds, scale, epsilon
    )
    show(grid[0], label, 'label of the step')
    show(grid[1], predicted.numpy(), 'prediction of the old model')
    grid[2].imshow(entropy.numpy(), cmap='Greys', interpolation='nearest')
    grid[2].set_title('its entropy (dark: unsure)', fontsize=8.5, color=INK)
    show(grid[3], made[0].numpy(), 'label that is learnt')
    for axes in grid:
        axes.set(xticks=[], yticks=[])
    save(figure, __file__)


def mask(shape: Shape) -> np.ndarray:
    """Pixels inside a shape, bool (SIZE, SIZE)."""
    rows, columns = (np.mgrid[:SIZE, :SIZE] + 0.5) / SIZE
    outline = patch(shape)
    path = outline.get_path().transformed(outline.get_transform())
    if isinstance(outline, Circle):
        return np.hypot(columns - shape.x, 1 - rows - shape.y) < outline.radius
    inside = path.contains_points(np.stack([columns.ravel(), 1 - rows.ravel()], 1))
    return inside.reshape(SIZE, SIZE)


def old_logits() -> torch.Tensor:
    """Logits (1, 3, SIZE, SIZE) of a model that knows disc and square, blurred at their edges."""
    far = 1 - gaussian_filter(sum(mask(s) * 1.0 for s in SCENE), 12)
    channels = [1 + 4 * far]
    channels += [SURE[s.label] * 2 * gaussian_filter(mask(s) * 1.0, 3) for s in SCENE[:2]]
    return torch.from_numpy(np.stack(channels))[None]


def show(axes: Axes, label: np.ndarray, title: str) -> None:
    """Draw a label map; pixels that are ignored are white."""
    colors = [COLORS[c] for c in range(4)]
    shown = np.where(label == VOID, 4, label)
    norm = BoundaryNorm(np.arange(6) - 0.5, 5)
    axes.imshow(shown, cmap=ListedColormap([*colors, 'white']), norm=norm, interpolation='nearest')
    axes.set_title(title, fontsize=8.5, color=INK)


if __name__ == '__main__':
    main()
