"""The pictures that a finished run leaves behind."""

from collections.abc import Sequence
from pathlib import Path

import mmcv
import numpy as np
import torch
from mmengine.config import Config
from mmseg.apis import inference_model, init_model
from mmseg.registry import DATASETS
from PIL import Image

from ..evaluation import SequenceResults
from ..tasks import build_task
from ..utils.quiet import quiet
from ..visualization import Example, draw_prediction_grid, draw_step_matrix
from .checkpoint import load_step_checkpoint
from .config import describe_sequence
from .plain_config import plain_config
from .step_config import step_config


def draw_sequence(cfg: Config, results: SequenceResults, num_pictures: int = 6) -> list[str]:
    """Draw the step matrix, and predictions after every recorded step whose checkpoint is there.

    Args:
        cfg: Config of the sequence.
        results: Its results.
        num_pictures: Number of evaluation pictures to predict.

    Returns:
        Paths of the PNG files in ``WORK_DIR/pictures/``.

    Raises:
        CheckpointError: If a checkpoint cannot be used.
    """
    folder = Path(cfg.work_dir, 'pictures')
    folder.mkdir(parents=True, exist_ok=True)
    draw_step_matrix(results, folder / 'step_matrix.png')
    steps = [s for s in sorted(results.steps) if Path(cfg.work_dir, f'step_{s}.pth').is_file()]
    if not steps:
        return [str(folder / 'step_matrix.png')]
    names = ['background', *build_task(cfg.task).names]
    draw_prediction_grid(_examples(cfg, steps, num_pictures), names, folder / 'predictions.png')
    return [str(folder / 'step_matrix.png'), str(folder / 'predictions.png')]


def _examples(cfg: Config, steps: Sequence[int], number: int) -> list[Example]:
    dataset = DATASETS.build(step_config(cfg, max(steps)).test_dataloader.dataset)
    places = np.linspace(0, len(dataset) - 1, min(number, len(dataset))).round().astype(int)
    infos = [dataset.get_data_info(int(place)) for place in places]
    maps = [{'label': np.asarray(Image.open(info['seg_map_path']))} for info in infos]
    for step in steps:
        for columns, predicted in zip(maps, _predict(cfg, step, infos), strict=True):
            columns[f'after step {step}'] = predicted
    return [
        Example(mmcv.imread(info['img_path'], channel_order='rgb'), columns)
        for info, columns in zip(infos, maps, strict=True)
    ]


def _predict(cfg: Config, step: int, infos: Sequence[dict]) -> list[np.ndarray]:
    """Predicted labels of the data set, by stock mmseg."""
    checkpoint = f'{cfg.work_dir}/step_{step}.pth'
    load_step_checkpoint(checkpoint, describe_sequence(cfg), step)
    device = 'cuda:0' if torch.cuda.is_available() else 'cpu'
    with quiet():
        model = init_model(plain_config(cfg, step), checkpoint, device=device)
    labels = np.array([0, *build_task(cfg.task).seen_classes(step)])
    predictions = [inference_model(model, info['img_path']) for info in infos]
    return [labels[p.pred_sem_seg.data[0].cpu().numpy()] for p in predictions]
