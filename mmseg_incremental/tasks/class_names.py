"""Class names of the data sets that tasks can be named for."""

import importlib

from ..errors import InputError

CLASS_NAMES: dict[str, tuple[str, ...]] = {
    'voc': (
        'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow',
        'diningtable', 'dog', 'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa',
        'train', 'tvmonitor',
    ),
    'shapes': ('disc', 'square', 'triangle', 'star', 'ring', 'cross'),
}  # fmt: skip

#: Data sets whose names mmseg has, and its functions that return them.
_OF_MMSEG = {'ade20k': 'ade_classes', 'cityscapes': 'cityscapes_classes'}
#: Data sets in which every pixel is of a class or does not count.
WITHOUT_BACKGROUND = frozenset({'cityscapes'})


def class_names(dataset: str) -> tuple[str, ...]:
    """Names of a known data set's classes, background left out.

    Args:
        dataset: Name of the data set, such as ``'voc'``.

    Returns:
        The names; position ``i`` holds the name of label ``i + 1``.

    Raises:
        InputError: If the data set is not known.

    Example:
        >>> class_names('voc')[14]
        'person'
    """
    if dataset in _OF_MMSEG:
        # not before it is asked for: mmseg takes seconds to import, and tasks need none of it
        module = importlib.import_module('mmseg.utils.class_names')
        return tuple(name.strip() for name in getattr(module, _OF_MMSEG[dataset])())
    if dataset not in CLASS_NAMES:
        known = ', '.join(sorted([*CLASS_NAMES, *_OF_MMSEG]))
        raise InputError(
            f'unknown data set {dataset!r} (known: {known}); '
            f'name its classes: task = dict(dataset={dataset!r}, classes=[...], ...)'
        )
    return CLASS_NAMES[dataset]
