"""Configs of data sets within data sets, and of transforms within transforms."""

from collections.abc import Iterator, Mapping


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


def _transforms(part: object) -> Iterator[dict]:
    if isinstance(part, Mapping):
        yield part
        yield from _transforms(part.get('transforms', []))
    elif isinstance(part, (list, tuple)):
        for transform in part:
            yield from _transforms(transform)
