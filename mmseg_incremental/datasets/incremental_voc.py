"""Pascal VOC, or any data set in its layout, as one step of a task sees it."""

import os
from collections.abc import Mapping

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from ..tasks import Task
from .protocol import Protocol
from .step_dataset import StepDataset


@DATASETS.register_module()
class IncrementalVOCDataset(StepDataset):
    """:class:`StepDataset` of data in the layout of Pascal VOC 2012, whatever their classes.

    Args:
        task: As for :class:`StepDataset`.
        step: The step, counted from 0.
        setting: As for :class:`StepDataset`.
        protocol: As for :class:`StepDataset`.
        test_mode: Whether the pictures are for evaluation.
        memory: As for :class:`StepDataset`.
        memory_share: As for :class:`StepDataset`.
        ann_file: List of picture ids, relative to ``data_root``.
        data_root: Folder that holds the data.
        data_prefix: Folders of the pictures and of the masks, relative to ``data_root``.
        **kwargs: Everything else that ``BaseSegDataset`` takes.

    Raises:
        DataError: If data are missing or broken, or the step selects no picture.
        InputError: As for :class:`StepDataset`.
    """

    def __init__(
        self,
        task: Task | Mapping,
        step: int,
        setting: str = 'overlapped',
        protocol: str | Mapping | Protocol = 'mib',
        test_mode: bool = False,
        memory: str | os.PathLike | None = None,
        memory_share: float | None = None,
        ann_file: str = 'ImageSets/Segmentation/train_aug.txt',
        data_root: str | None = None,
        data_prefix: Mapping = dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        **kwargs: object,
    ) -> None:
        # not PascalVOCDataset, which names the classes of Pascal VOC
        dataset = dict(
            kwargs,
            type=BaseSegDataset,
            ann_file=ann_file,
            data_root=data_root,
            data_prefix=dict(data_prefix),
        )
        super().__init__(dataset, task, step, setting, protocol, test_mode, memory, memory_share)
