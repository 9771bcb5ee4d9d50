"""Pictures of a step with their full labels, and with the labels as the step sees them."""

from pathlib import Path

import mmcv
import numpy as np
from mmseg.registry import DATASETS

from ..datasets import label_table
from ..sequence import Step
from ..utils.progress import tracked
from .prediction_grid import Example, draw_prediction_grid


def make_examples(step: Step, test: bool, number: int) -> list[Example]:
    """Pictures, spread over the step's list, with both labels.

    Args:
        step: The step.
        test: Whether to take the evaluation's pictures.
        number: How many pictures at most.

    Returns:
        The examples; what the step sees is drawn in the colours of the data set.

    Raises:
        InputError: If the data cannot be used.
    """
    sequence, channels = step.sequence, step.sequence.task.channel_labels(step.index)
    loader = step.config.test_dataloader if test else step.config.train_dataloader
    dataset = DATASETS.build(loader.dataset)
    table = label_table(
        sequence.task, step.index, sequence.setting, sequence.protocol, not test, dataset.any_old
    )
    labels = np.arange(256)
    labels[: len(channels)] = channels
    if dataset.any_old:
        labels[0] = 0  # it stands for any old class, not for the first one
    places = np.linspace(0, len(dataset) - 1, min(number, len(dataset))).round().astype(int)
    examples = []
    for place in tracked(places, 'Reading pictures'):
        info = dataset.get_data_info(int(place))
        full = dataset.full_label(int(place))
        maps = {'full label': full, f'as step {step.index} sees it': labels[table[full]]}
        examples.append(Example(mmcv.imread(info['img_path'], channel_order='rgb'), maps))
    return examples


def draw_sheets(step: Step, test: bool, number: int, rows: int, folder: Path) -> list[Path]:
    """Draw sheets of pictures of a step.

    Args:
        step: The step.
        test: Whether to take the evaluation's pictures.
        number: How many pictures at most.
        rows: Pictures per sheet.
        folder: Folder of the sheets, which is made.

    Returns:
        The files.

    Raises:
        InputError: If the data cannot be used.
    """
    examples = make_examples(step, test, number)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for first in range(0, len(examples), rows):
        split = 'test' if test else 'train'
        paths.append(folder / f'{split}_of_step_{step.index}_{first // rows}.png')
        shown = examples[first : first + rows]
        draw_prediction_grid(shown, step.sequence.task.label_names, paths[-1])
    return paths
