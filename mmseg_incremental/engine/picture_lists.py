"""Which pictures a step trains on and is evaluated on."""

import json
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config
from mmseg.registry import DATASETS

from ..datasets import DataError
from .step_config import step_config

#: Entries of a data set's config that have no say in which pictures it has.
_NO_SOURCE = ('pipeline', 'cache_dir')


class PictureLists(NamedTuple):
    """Pictures of a step.

    Args:
        training: Names of the pictures that it trains on.
        num_test: Number of those that it is evaluated on.
    """

    training: list[str]
    num_test: int


def read_picture_lists(cfg: Config, step: int, known: dict[str, PictureLists]) -> PictureLists:
    """Read the training and the evaluation pictures of a step.

    Args:
        cfg: A checked config.
        step: The step.
        known: Lists that were read before, which are not read again; new ones are added.

    Returns:
        The lists.

    Raises:
        DataError: If the data are broken; the problems of both lists are raised together.
    """
    step_cfg = step_config(cfg, step)
    loaders = (step_cfg.train_dataloader, step_cfg.test_dataloader)
    sources = [{k: v for k, v in a.dataset.items() if k not in _NO_SOURCE} for a in loaders]
    key = json.dumps(sources, sort_keys=True, default=str)
    if key in known:
        return known[key]
    datasets, problems = [], []
    for loader in loaders:
        try:
            datasets.append(DATASETS.build(loader.dataset))
        except DataError as error:
            problems += [p for p in error.problems if p not in problems]
    if problems:
        raise DataError(cfg.data_root, problems)
    training, test = datasets
    infos = (training.get_data_info(place) for place in range(len(training)))
    known[key] = PictureLists([Path(info['img_path']).name for info in infos], len(test))
    return known[key]
