"""The pictures that a finished run leaves behind."""

from collections.abc import Sequence as Listing

import mmcv
import numpy as np
import torch
from mmseg.apis import inference_model, init_model
from mmseg.registry import DATASETS

from ..evaluation import SequenceResults
from ..sequence.checkpoint import load_step_checkpoint, load_weights
from ..sequence.plain_config import plain_config
from ..sequence.sequence import Sequence, Step
from ..utils.quiet import quiet
from ..visualization import Example, draw_prediction_grid, draw_step_matrix


def draw_sequence(sequence: Sequence, results: SequenceResults, num_pictures: int = 6) -> list[str]:
    """Draw the step matrix, and predictions after every recorded step whose checkpoint is there.

    Args:
        sequence: The sequence.
        results: Its results.
        num_pictures: Number of evaluation pictures to predict.

    Returns:
        Paths of the PNG files in ``WORK_DIR/pictures/``.

    Raises:
        CheckpointError: If a checkpoint cannot be used.
    """
    folder = sequence.work_dir.pictures
    folder.mkdir(parents=True, exist_ok=True)
    matrix, grid = folder / 'step_matrix.png', folder / 'predictions.png'
    draw_step_matrix(results, matrix)
    finished = sequence.work_dir.checkpoints()
    steps = [sequence.step(index) for index in sorted(results.steps) if index in finished]
    if not steps:
        return [str(matrix)]
    draw_prediction_grid(_examples(steps, num_pictures), sequence.task.label_names, grid)
    return [str(matrix), str(grid)]


def _examples(steps: Listing[Step], number: int) -> list[Example]:
    cfg = steps[-1].config
    dataset = DATASETS.build((cfg.test_dataloader or cfg.train_dataloader).dataset)
    places = np.linspace(0, len(dataset) - 1, min(number, len(dataset))).round().astype(int)
    infos = [dataset.get_data_info(int(place)) for place in places]
    maps = [{'label': dataset.full_label(int(place))} for place in places]
    for step in steps:
        for columns, predicted in zip(maps, _predict(step, infos), strict=True):
            columns[f'after step {step.index}'] = predicted
    return [
        Example(mmcv.imread(info['img_path'], channel_order='rgb'), columns)
        for info, columns in zip(infos, maps, strict=True)
    ]


def _predict(step: Step, infos: Listing[dict]) -> list[np.ndarray]:
    """Predicted labels of the data set, by stock mmseg."""
    sequence = step.sequence
    path = sequence.work_dir.checkpoint(step.index)
    content = load_step_checkpoint(path, sequence.description, step.index)
    device = 'cuda:0' if torch.cuda.is_available() else 'cpu'
    with quiet():
        model = init_model(plain_config(step), device=device)
    # mmseg itself would leave what does not fit at random values
    load_weights(model, content['state_dict'], str(path))
    labels = np.array(sequence.task.channel_labels(step.index))
    predictions = [inference_model(model, info['img_path']) for info in infos]
    return [labels[p.pred_sem_seg.data[0].cpu().numpy()] for p in predictions]
