"""Configs of data sets within data sets, and of transforms within transforms."""

import copy
from collections.abc import Iterator, Mapping, Sequence

from mmcv.transforms import LoadAnnotations
from mmseg.registry import TRANSFORMS


def leaf_datasets(dataset: Mapping) -> Iterator[dict]:
    """Innermost data sets of a config, those that read files.

    Args:
        dataset: Config of a data set, or of ``ConcatDataset``, ``RepeatDataset``, ... around some.

    Yields:
        Their configs themselves, which may be changed.

    Example:
        >>> cfg = dict(type='RepeatDataset', times=2, dataset=dict(type='ADE20KDataset'))
        >>> list(leaf_datasets(cfg))
        [{'type': 'ADE20KDataset'}]
    """
    inner = inner_datasets(dataset)
    if not inner:
        yield dataset
    for cfg in inner:
        yield from leaf_datasets(cfg)


def inner_datasets(dataset: Mapping) -> list[dict]:
    """Configs of the data sets that a data set's config directly wraps; none in a leaf."""
    if 'datasets' in dataset:
        return list(dataset['datasets'])
    return [dataset['dataset']] if 'dataset' in dataset else []


def nested_transforms(dataset: Mapping) -> Iterator[dict]:
    """All transforms in the pipelines of a data set's config, within RandomApply, ... too.

    Args:
        dataset: As for :func:`leaf_datasets`.

    Yields:
        Their configs themselves, which may be changed, those that hold others included.

    Example:
        >>> crop = dict(type='RandomCrop', crop_size=None)
        >>> cfg = dict(pipeline=[dict(type='RandomApply', transforms=[crop])])
        >>> [transform['type'] for transform in nested_transforms(cfg)]
        ['RandomApply', 'RandomCrop']
    """
    for leaf in leaf_datasets(dataset):
        yield from _transforms(leaf.get('pipeline', []))


def insert_after_labels(pipeline: Sequence[Mapping], added: Sequence[Mapping]) -> list[dict]:
    """Put transforms right after every LoadAnnotations, within RandomApply, ... too.

    They see the labels of the step at the size of the file, before any crop or flip.

    Args:
        pipeline: Configs of transforms; they are not changed.
        added: Configs of the transforms to insert.

    Returns:
        The pipeline with them.

    Example:
        >>> pipeline = [dict(type='LoadAnnotations'), dict(type='PackSegInputs')]
        >>> [cfg['type'] for cfg in insert_after_labels(pipeline, [dict(type='MarkSalient')])]
        ['LoadAnnotations', 'MarkSalient', 'PackSegInputs']
    """
    made = []
    for transform in pipeline:
        transform = copy.deepcopy(transform)
        if isinstance(transform.get('transforms'), list):
            transform['transforms'] = insert_after_labels(transform['transforms'], added)
        made.append(transform)
        kind = transform['type']
        kind = TRANSFORMS.get(kind) if isinstance(kind, str) else kind
        if isinstance(kind, type) and issubclass(kind, LoadAnnotations):
            made += copy.deepcopy(list(added))
    return made


def _transforms(part: object) -> Iterator[dict]:
    if isinstance(part, Mapping):
        yield part
        yield from _transforms(part.get('transforms', []))
    elif isinstance(part, (list, tuple)):
        for transform in part:
            yield from _transforms(transform)
