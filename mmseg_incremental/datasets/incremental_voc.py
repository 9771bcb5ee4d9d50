"""Pascal VOC, or any data set in its layout, as one step of a task sees it."""

import inspect
from collections.abc import Mapping

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from ..tasks import Task
from .step_dataset import StepDataset


@DATASETS.register_module()
class IncrementalVOCDataset(StepDataset):
    """:class:`StepDataset` of data in the layout of Pascal VOC 2012, whatever their classes.

    Args:
        task: As for :class:`StepDataset`.
        step: The step, counted from 0.
        ann_file: List of picture ids, relative to ``data_root``.
        data_root: Folder that holds the data.
        data_prefix: Folders of the pictures and of the masks, relative to ``data_root``.
        **kwargs: Everything else that :class:`StepDataset` and ``BaseSegDataset`` take.

    Raises:
        DataError: If data are missing or broken, or the step selects no picture.
        InputError: As for :class:`StepDataset`.
    """

    def __init__(
        self,
        task: Task | Mapping,
        step: int,
        ann_file: str = 'ImageSets/Segmentation/train_aug.txt',
        data_root: str | None = None,
        data_prefix: Mapping = dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        **kwargs: object,
    ) -> None:
        # not PascalVOCDataset, which names the classes of Pascal VOC
        own = inspect.signature(StepDataset).parameters
        dataset = dict(
            {key: value for key, value in kwargs.items() if key not in own},
            type=BaseSegDataset,
            ann_file=ann_file,
            data_root=data_root,
            data_prefix=dict(data_prefix),
        )
        of_step = {key: value for key, value in kwargs.items() if key in own}
        super().__init__(dataset, task, step, **of_step)
