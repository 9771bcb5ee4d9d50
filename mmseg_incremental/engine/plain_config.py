"""The plain mmseg config that runs a step's checkpoint without this package."""

import copy
import os

from mmengine.config import Config

from ..tasks import build_task
from ..utils.files import replace_atomically
from .step_config import model_heads


def plain_config(cfg: Config, step: int) -> Config:
    """Config of stock mmseg for ``step_T.pth``.

    Args:
        cfg: Config of the sequence.
        step: The step.

    Returns:
        A config with ``model`` and ``test_pipeline``, for ``mmseg.apis.init_model`` and
        ``inference_model``.
    """
    task = build_task(cfg.task)
    model = copy.deepcopy(cfg.model)
    model.type = 'EncoderDecoder'
    for head in model_heads(model):
        head.type = 'FCNHead'
        head.num_classes = len(task.seen_classes(step)) + 1
        head.loss_decode = dict(type='CrossEntropyLoss')
    model.data_preprocessor.size = tuple(cfg.crop_size)
    return Config(
        dict(
            default_scope='mmseg',
            model=model.to_dict(),
            test_pipeline=copy.deepcopy(cfg.test_pipeline),
        )
    )


def write_plain_config(cfg: Config, step: int, path: str | os.PathLike) -> None:
    """Write the plain config of a step as a Python file.

    Args:
        cfg: Config of the sequence.
        step: The step.
        path: ``step_T.py``.

    Raises:
        OSError: If the folder cannot be written.
    """
    replace_atomically(path, plain_config(cfg, step).dump)
