"""The pictures that a finished run leaves behind."""

import os
from collections.abc import Sequence as Listing
from pathlib import Path

import mmcv
import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmseg.apis import inference_model, init_model
from mmseg.registry import DATASETS

from ..evaluation import EvaluationDetail, SequenceResults, forgotten_pictures
from ..sequence.checkpoint import load_step_checkpoint, load_weights
from ..sequence.plain_config import plain_config
from ..sequence.sequence import Sequence, Step
from ..utils.quiet import quiet
from ..visualization import Example, draw_prediction_grid, draw_step_matrix

_EXTREMES = 3  # pictures with the most forgetting, and with the least


def draw_sequence(sequence: Sequence, results: SequenceResults, num_pictures: int = 6) -> list[str]:
    """Draw the step matrix, and predictions after every recorded step whose checkpoint is there.

    Args:
        sequence: The sequence.
        results: Its results.
        num_pictures: Number of evaluation pictures to predict, spread over the list; those with
            the most and the least forgetting come on top.

    Returns:
        Paths of the PNG files in ``WORK_DIR/pictures/``.

    Raises:
        CheckpointError: If a checkpoint cannot be used.
    """
    folder = sequence.work_dir.pictures
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / 'step_matrix.png']
    draw_step_matrix(results, written[0])
    finished = sequence.work_dir.checkpoints()
    steps = [sequence.step(index) for index in sorted(results.steps) if index in finished]
    if not steps:
        return [str(path) for path in written]
    cfg = steps[-1].config
    dataset = DATASETS.build((cfg.test_dataloader or cfg.train_dataloader).dataset)
    chosen = {
        folder / f'{name}.png': captions
        for name, captions in _choose(sequence, steps, dataset, num_pictures).items()
    }
    places = sorted({place for captions in chosen.values() for place in captions})
    maps = dict(zip(places, _label_maps(steps, dataset, places), strict=True))
    for path, captions in chosen.items():
        examples = [_example(dataset, place, maps[place], captions[place]) for place in captions]
        draw_prediction_grid(examples, sequence.task.label_names, path)
        written.append(path)
    return [str(path) for path in written]


def _choose(
    sequence: Sequence, steps: Listing[Step], dataset: BaseDataset, number: int
) -> dict[str, dict[int, str]]:
    """Name of a drawing to the places of its pictures and what is said of them."""
    spread = np.linspace(0, len(dataset) - 1, min(number, len(dataset))).round().astype(int)
    chosen = {'predictions': dict.fromkeys(spread.tolist(), '')}
    paths = [sequence.work_dir.evaluation(step.index) for step in steps]
    if len(steps) < 2 or not all(path.is_file() for path in paths):
        return chosen
    details = {
        step.index: EvaluationDetail.load(path) for step, path in zip(steps, paths, strict=True)
    }
    found = {
        os.path.normpath(dataset.get_data_info(place)['img_path']): place
        for place in range(len(dataset))
    }
    lost = [
        (found[path], f'{Path(path).name}: {points:+.1f} points forgotten')
        for path, points in forgotten_pictures(details).items()
        if path in found
    ]
    if lost:
        chosen['most_forgotten'] = dict(lost[:_EXTREMES])
        chosen['least_forgotten'] = dict(lost[: -_EXTREMES - 1 : -1])
    return chosen


def _label_maps(
    steps: Listing[Step], dataset: BaseDataset, places: Listing[int]
) -> list[dict[str, np.ndarray]]:
    infos = [dataset.get_data_info(place) for place in places]
    maps = [{'label': dataset.full_label(place)} for place in places]
    for step in steps:
        for columns, predicted in zip(maps, _predict(step, infos), strict=True):
            columns[f'after step {step.index}'] = predicted
    return maps


def _example(dataset: BaseDataset, place: int, maps: dict, caption: str) -> Example:
    path = dataset.get_data_info(place)['img_path']
    return Example(mmcv.imread(path, channel_order='rgb'), maps, caption)


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
