"""Which pictures a step trains on and is evaluated on."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from mmseg.registry import DATASETS

from ..datasets import DataError, StepDataset
from ..datasets.inner_dataset import has_list_of_ids
from ..datasets.list_check import repeated_problem
from ..errors import told_as
from .rehearsal import rehearse_loader
from .sequence import Step

#: What a method remembers is known only once the lists are.
_MEMORY = ('memory', 'memory_share')


class PictureLists(NamedTuple):
    """Pictures of a step.

    Args:
        training: Names of the pictures that it trains on.
        classes: Labels in the mask of each.
        num_test: Number of those that it is evaluated on.
        num_shared: Number of those that are in both.
    """

    training: list[str]
    classes: list[frozenset[int]]
    num_test: int
    num_shared: int = 0


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
    names = ['test_dataloader', 'old_test_dataloader']
    names = names if step.is_given else ['train_dataloader', *names]
    loaders = {name: cfg[name] for name in names if cfg.get(name)}
    sources = [without_memory(loader.dataset) for loader in loaders.values()]
    # how a picture is changed has no say in which there are
    places = [{k: v for k, v in source.items() if k != 'pipeline'} for source in sources]
    key = json.dumps(places, sort_keys=True, default=str)
    if key in known:
        return known[key]
    datasets, problems = [], []
    for name, source in zip(loaders, sources, strict=True):
        try:
            with told_as(f'{name}.dataset cannot be built'):
                datasets.append(DATASETS.build(source))
        except DataError as error:
            problems += [p for p in error.problems if p not in problems]
    if problems:
        raise DataError(step.sequence.cfg.data_root, problems)
    training = None if step.is_given else datasets[0]
    tests = datasets if training is None else datasets[1:]
    if doubtful := [p for dataset in datasets for p in (*_repeated(dataset), *_narrow(dataset))]:
        raise DataError(step.sequence.cfg.data_root, list(dict.fromkeys(doubtful)))
    if not known:  # all steps load their pictures in the same way
        for dataset, (name, loader) in zip(datasets, loaders.items(), strict=True):
            rehearse_loader(loader, dataset, name)
    names, classes, paths = [], [], set()
    if training is not None:
        names, classes = training.picture_names, training.class_sets
        paths = set(training.picture_paths)
    shared = paths & {path for test in tests for path in test.picture_paths}
    known[key] = PictureLists(names, classes, sum(map(len, tests)), len(shared))
    return known[key]


def without_memory(dataset: Mapping) -> dict:
    """Config of a data set of a step without what a method remembers."""
    return {key: value for key, value in dataset.items() if key not in _MEMORY}


def _repeated(dataset: StepDataset) -> list[str]:
    lists = [leaf.ann_file for leaf in dataset.leaves if has_list_of_ids(leaf)]
    return [problem for path in lists if (problem := repeated_problem(path))]


def _narrow(dataset: StepDataset) -> list[str]:
    """Pictures that no crop can be scaled from, and of which a network sees no neighbours."""
    return [
        f'{path}: the picture is {width}x{height}; one pixel is too narrow, leave it out'
        for path, (height, width) in zip(
            dataset.picture_paths, dataset.picture_sizes(), strict=True
        )
        if min(height, width) < 2
    ]
