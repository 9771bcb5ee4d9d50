"""IoU of every class after every step, as one picture."""

import os

import numpy as np
from matplotlib.figure import Figure

from ..evaluation import SequenceResults
from ..utils.files import replace_atomically


def draw_step_matrix(results: SequenceResults, path: str | os.PathLike) -> None:
    """Draw IoU per class (columns) after each step (rows).

    Args:
        results: At least one step.
        path: PNG to write.

    Raises:
        OSError: If the folder cannot be written.
    """
    steps = sorted(results.steps)
    names = results.names('IoU')
    values = np.full((len(steps), len(names)), np.nan)
    for column, name in enumerate(names):
        values[:, column] = [np.nan if v is None else v for v in results.column('IoU', name)]
    figure = Figure(figsize=(2.2 + 0.62 * len(names), 2.2 + 0.5 * len(steps)), layout='constrained')
    axes = figure.add_subplot()
    image = axes.imshow(values, vmin=0, vmax=100, cmap='viridis', aspect='auto')
    axes.set_xticks(range(len(names)), names, rotation=45, ha='right')
    axes.set_yticks(range(len(steps)), [f'after step {step}' for step in steps])
    for (row, column), value in np.ndenumerate(values):
        text, color = ('', 'black') if np.isnan(value) else (f'{value:.0f}', 'white')
        axes.text(column, row, text, ha='center', va='center', fontsize=8,
                  color='black' if value > 60 else color)  # fmt: skip
    sizes = [len(group) for group in results.sequence['groups'][: max(steps) + 1]]
    background = len(names) - sum(sizes)  # 1 or 0
    for edge in np.cumsum([background + sizes[0], *sizes[1:]])[:-1]:
        axes.axvline(edge - 0.5, color='white', linewidth=2)
    figure.colorbar(image, label='IoU (%)')
    method, task = results.sequence['method']['name'], results.sequence['task']
    axes.set_title(f'{method} on {results.sequence["dataset"]} {task}')
    replace_atomically(path, lambda name: figure.savefig(name, dpi=120))
