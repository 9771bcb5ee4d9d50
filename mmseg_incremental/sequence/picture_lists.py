"""Which pictures a step trains on and is evaluated on."""

import json
from typing import NamedTuple

from mmseg.registry import DATASETS

from ..datasets import DataError
from .sequence import Step

#: What a method remembers is known only once the lists are.
_MEMORY = ('memory', 'memory_share')


class PictureLists(NamedTuple):
    """Pictures of a step.

    Args:
        training: Names of the pictures that it trains on.
        classes: Labels in the mask of each.
        num_test: Number of those that it is evaluated on.
    """

    training: list[str]
    classes: list[frozenset[int]]
    num_test: int


def read_picture_lists(step: Step, known: dict[str, PictureLists]) -> PictureLists:
    """Read the training and the evaluation pictures of a step.

    Args:
        step: The step.
        known: Lists that were read before, which are not read again; new ones are added.

    Returns:
        The lists, without pictures that a method remembers; no training pictures where the step
        was trained elsewhere.

    Raises:
        DataError: If the data are broken; the problems of both lists are raised together.
    """
    cfg = step.config
    tests = [loader for loader in (cfg.test_dataloader, cfg.get('old_test_dataloader')) if loader]
    loaders = [*([] if step.is_given else [cfg.train_dataloader]), *tests]
    sources = [
        {key: value for key, value in loader.dataset.items() if key not in _MEMORY}
        for loader in loaders
    ]
    # how a picture is changed has no say in which there are
    places = [{k: v for k, v in source.items() if k != 'pipeline'} for source in sources]
    key = json.dumps(places, sort_keys=True, default=str)
    if key in known:
        return known[key]
    datasets, problems = [], []
    for source in sources:
        try:
            datasets.append(DATASETS.build(source))
        except DataError as error:
            problems += [p for p in error.problems if p not in problems]
    if problems:
        raise DataError(step.sequence.cfg.data_root, problems)
    training = None if step.is_given else datasets.pop(0)
    names, classes = (training.picture_names, training.class_sets) if training else ([], [])
    known[key] = PictureLists(names, classes, sum(map(len, datasets)))
    return known[key]
