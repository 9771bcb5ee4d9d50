"""Class names of the data sets that tasks can be named for."""

from ..errors import InputError

CLASS_NAMES: dict[str, tuple[str, ...]] = {
    'voc': (
        'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow',
        'diningtable', 'dog', 'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa',
        'train', 'tvmonitor',
    ),
    'shapes': ('disc', 'square', 'triangle', 'star', 'ring', 'cross'),
}  # fmt: skip


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
    if dataset not in CLASS_NAMES:
        known = ', '.join(sorted(CLASS_NAMES))
        raise InputError(
            f'unknown data set {dataset!r} (known: {known}); '
            f'name its classes: task = dict(dataset={dataset!r}, classes=[...], ...)'
        )
    return CLASS_NAMES[dataset]
