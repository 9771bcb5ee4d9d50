"""The config of a data set as a step sees it."""

import copy
from collections.abc import Mapping

from .inner_dataset import dataset_class
from .nested_configs import leaf_datasets
from .step_dataset import StepDataset


def step_view(dataset: Mapping, data_root: str | None = None, **step_keys: object) -> dict:
    """Config of a :class:`StepDataset` for any data set's config.

    Args:
        dataset: Config of a data set of mmseg, which is wrapped, or of a :class:`StepDataset`
            such as ``IncrementalVOCDataset``, which takes the keys itself; not changed.
        data_root: Folder of the data, for the innermost data sets that name none.
        **step_keys: Arguments of :class:`StepDataset`: ``task``, ``step``, ``setting``, ...

    Returns:
        The config.

    Raises:
        InputError: If a type is missing or unknown.

    Example:
        >>> view = step_view(dict(type='ADE20KDataset'), data_root='data/ade', step=1)
        >>> view['type'], view['step'], view['dataset']['data_root']
        ('StepDataset', 1, 'data/ade')
    """
    view = copy.deepcopy(dataset)
    kind = dataset_class(view)
    if isinstance(kind, type) and issubclass(kind, StepDataset):
        view.update(step_keys)
    else:
        view = dict(type='StepDataset', dataset=view, **step_keys)
    for leaf in leaf_datasets(view):
        if leaf.get('data_root') is None:
            leaf['data_root'] = data_root
    return view
