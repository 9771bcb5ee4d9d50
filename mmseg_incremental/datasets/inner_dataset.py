"""The data set of mmseg that a step looks at, built and checked."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from mmengine.dataset import ConcatDataset
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS
from torch.utils.data import Dataset

from ..errors import InputError
from ..tasks import Task
from .class_index import DataError
from .list_check import list_problem
from .nested_configs import inner_datasets, leaf_datasets
from .sample_check import Sample

_HOW_TO_GET = {
    'voc': 'mmseg-incremental prepare-voc --help says how to get Pascal VOC',
    'shapes': 'mmseg-incremental make-shapes {root} renders it',
}
_NO_REDUCTION = (
    'reduce_zero_label shifts the labels under the task; leave it out or set it to False: label 0 '
    'is the background'
)


class InnerDataset(NamedTuple):
    """A built data set.

    Args:
        dataset: The whole, with its wrappers.
        leaves: The data sets within it that read files.
    """

    dataset: Dataset
    leaves: list[BaseSegDataset]

    def places(self) -> str:
        """Lists or folders that the pictures come from, for messages."""
        return ', '.join(dict.fromkeys(map(_place, self.leaves)))

    def list_pictures(self) -> tuple[list[int], list[Sample]]:
        """Pictures and masks, blank lines of lists left out.

        Returns:
            Positions in the data set, and what is there; what is repeated is one object.

        Raises:
            DataError: If there is none, or a picture has no mask.
        """
        blank = {leaf.img_suffix for leaf in self.leaves}
        positions, samples = [], []
        known: dict[Sample, Sample] = {}
        for position in range(len(self.dataset)):
            info = self.dataset.get_data_info(position)
            if os.path.basename(info['img_path']) in blank:
                continue
            if 'seg_map_path' not in info:
                raise DataError(self.places(), ['no masks; set data_prefix.seg_map_path'])
            sample = Sample(info['img_path'], info['seg_map_path'])
            positions.append(position)
            samples.append(known.setdefault(sample, sample))
        if not samples:
            raise DataError(self.places(), ['the list is empty'])
        return positions, samples


def build_inner_dataset(cfg: Mapping, task: Task, test_mode: bool) -> InnerDataset:
    """Build a data set of mmseg so that a step can look at it.

    Args:
        cfg: Config of a ``BaseSegDataset``, or of ``ConcatDataset``, ``RepeatDataset``, ...
            around some; not changed.
        task: The task; it names the classes of a data set that names none.
        test_mode: Whether the data set is for evaluation.

    Returns:
        The data set. A pipeline that yields nothing raises an error in it, where mmseg would draw
        another picture, which the step may not see.

    Raises:
        DataError: If files or folders are missing; all are listed.
        InputError: If a data set cannot be built, or changes the labels itself.
    """
    _check(cfg)
    _check_layout(cfg, task)
    leaves: list[BaseSegDataset] = []
    names = tuple(task.label_names if task.background else task.names)
    options = dict(lazy_init=True, test_mode=test_mode, max_refetch=0)
    whole = _with_built_leaves(cfg, names, options, leaves)
    for leaf in leaves:
        _check_labels(leaf)
    if problems := [problem for leaf in leaves if (problem := _load(leaf))]:
        raise DataError(f'data set {task.dataset!r}', problems)
    return InnerDataset(_build(whole) if isinstance(whole, dict) else whole, leaves)


def dataset_class(cfg: Mapping) -> object:
    """What a data set's config builds.

    Raises:
        InputError: If its type is missing or unknown.
    """
    kind = cfg.get('type')
    found = DATASETS.get(kind) if isinstance(kind, str) else kind
    if found is None:
        raise InputError(f'unknown data set type {kind!r}')
    return found


def _check(cfg: Mapping) -> None:
    """Refuse what would show a step other pictures or other labels."""
    inner, kind = inner_datasets(cfg), dataset_class(cfg)
    name = getattr(kind, '__name__', str(kind))
    if inner and 'pipeline' in cfg:
        raise InputError(
            f'{name} has a pipeline of its own, which can mix in pictures that the step may not '
            'see; move the pipeline into the data sets within it'
        )
    if not inner and not (isinstance(kind, type) and issubclass(kind, BaseSegDataset)):
        raise InputError(
            f'{name} cannot be seen step by step: the innermost data sets must be '
            'BaseSegDatasets, such as PascalVOCDataset'
        )
    if cfg.get('reduce_zero_label'):
        raise InputError(_NO_REDUCTION)
    for part in inner:
        _check(part)


def _check_layout(cfg: Mapping, task: Task) -> None:
    leaves = list(leaf_datasets(cfg))
    if missing := list(dict.fromkeys(part for leaf in leaves for part in _missing(leaf))):
        root = leaves[0].get('data_root')
        hint = _HOW_TO_GET.get(task.dataset, 'set data_root to the folder of the data')
        missing[0] += f' ({hint.format(root=root)})'
        raise DataError(f'data set {task.dataset!r}, data_root={root!r}', missing)


def _missing(leaf: Mapping) -> list[str]:
    root = leaf.get('data_root') or ''
    if root and not os.path.exists(root):
        return [f'{root}: not found']
    named = [*(leaf.get('data_prefix') or {}).values(), leaf.get('ann_file')]
    parts = [os.path.join(root, part) for part in named if part]
    return [f'{part}: not found' for part in parts if not os.path.exists(part)]


def _with_built_leaves(
    cfg: Mapping, names: tuple[str, ...], options: Mapping, leaves: list[BaseSegDataset]
) -> dict | BaseSegDataset:
    """The config with its leaves built with the options; they are collected in ``leaves``."""
    if 'datasets' in cfg:
        inner = [_with_built_leaves(part, names, options, leaves) for part in cfg['datasets']]
        whole = dict(cfg, datasets=inner)
        if dataset_class(cfg) is ConcatDataset:
            # it compares colours and all else; the names of the labels are compared with the task
            whole['ignore_keys'] = sorted({key for leaf in leaves for key in leaf.metainfo})
        return whole
    if 'dataset' in cfg:
        return dict(cfg, dataset=_with_built_leaves(cfg['dataset'], names, options, leaves))
    leaf = {**cfg, **options}
    if 'classes' not in dataset_class(cfg).METAINFO:
        leaf['metainfo'] = {'classes': names, **(cfg.get('metainfo') or {})}
    leaves.append(_build(leaf))
    return leaves[-1]


def _build(cfg: dict) -> Dataset:
    try:
        return DATASETS.build(cfg)
    except InputError:
        raise
    except Exception as error:  # whatever a wrong value does to whoever is built
        kind = cfg['type']
        name = kind if isinstance(kind, str) else kind.__name__
        reason = f'{type(error).__name__}: {error}'.removesuffix(': ')
        raise InputError(f'data set {name} cannot be built ({reason})') from error


def _check_labels(leaf: BaseSegDataset) -> None:
    name = type(leaf).__name__
    if leaf.reduce_zero_label:
        raise InputError(f'{name}: {_NO_REDUCTION}')
    if leaf.label_map is not None:
        raise InputError(
            f'{name}: metainfo.classes renumbers the labels under the task; leave it out and '
            'choose classes by the groups of the task'
        )


def _load(leaf: BaseSegDataset) -> str:
    """Load the list of a data set, and say what is wrong."""
    if has_list_of_ids(leaf) and (problem := list_problem(leaf.ann_file)):
        return problem
    try:
        leaf.full_init()
        empty = len(leaf) == 0
    except (AssertionError, OSError) as error:
        return str(error)
    except ValueError:
        if leaf.data_list:
            raise
        empty = True  # NumPy's, about nothing to serialize
    return f'{_place(leaf)}: {_empty(leaf)}' if empty else ''


def has_list_of_ids(leaf: BaseSegDataset) -> bool:
    """Whether a data set is read from a text file with the ids of its pictures."""
    return bool(leaf.ann_file) and type(leaf).load_data_list is BaseSegDataset.load_data_list


def _empty(leaf: BaseSegDataset) -> str:
    return 'the list is empty' if leaf.ann_file else f'no picture named *{leaf.img_suffix}'


def _place(leaf: BaseSegDataset) -> str:
    return leaf.ann_file or leaf.data_prefix.get('img_path') or str(leaf.data_root)
