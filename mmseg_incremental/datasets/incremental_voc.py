"""Pascal VOC, or any data set in its layout, as one step of a task sees it."""

import os
from collections.abc import Mapping

from mmcv.transforms import LoadAnnotations
from mmseg.datasets import PascalVOCDataset
from mmseg.registry import DATASETS

from ..errors import InputError
from ..tasks import Task, build_task
from ..utils.palette import color_palette
from .class_index import DataError, read_class_index
from .label_table import MapLabels, label_table
from .protocol import Protocol, get_protocol
from .sample_check import Sample
from .sampler import Draw
from .selection import select_images, select_test_images

_HOW_TO_GET = {
    'voc': 'python tools/dataset_converters/prepare_voc.py --help says how to get Pascal VOC',
    'shapes': 'python tools/dataset_converters/make_shapes.py {root} renders it',
}


@DATASETS.register_module()
class IncrementalVOCDataset(PascalVOCDataset):
    """Pictures and labels of one step, in the layout of Pascal VOC 2012.

    The pictures are those of ``ann_file`` that the step may see; the labels are mapped through a
    256-entry table right after they are loaded, so any pipeline with ``LoadAnnotations`` works.
    ``metainfo`` holds the names and colours of the channels after the step.

    The protocol presets are ``'mib'`` (void is background in training, classes not learnt yet
    are ignored in evaluation), ``'plop'`` (void is ignored in training, classes not learnt yet
    are background in evaluation) and ``'paper'`` (as ``'mib'``); in all three the pictures with
    a class learnt so far are evaluated. ``dict(preset='mib', void='ignore')`` changes one choice.

    Args:
        task: The task, or a dict for :func:`mmseg_incremental.tasks.build_task`.
        step: The step, counted from 0.
        setting: ``'overlapped'``, ``'disjoint'`` or ``'sequential'``.
        protocol: Name of a preset, or a dict of choices.
        cache_dir: Folder for the class index where ``data_root`` is read-only.
        ann_file: List of picture ids, relative to ``data_root``.
        data_root: Folder that holds the data.
        data_prefix: Folders of the pictures and of the masks, relative to ``data_root``.
        **kwargs: Everything else that ``PascalVOCDataset`` takes.

    Raises:
        DataError: If data are missing or broken, or the step selects no picture.
        InputError: If task, step, setting or protocol are unknown, or labels are to be reduced.
    """

    def __init__(
        self,
        task: Task | Mapping,
        step: int,
        setting: str = 'overlapped',
        protocol: str | Mapping | Protocol = 'mib',
        cache_dir: str | None = None,
        ann_file: str = 'ImageSets/Segmentation/train_aug.txt',
        data_root: str | None = None,
        data_prefix: Mapping = dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        **kwargs: object,
    ) -> None:
        if kwargs.get('reduce_zero_label'):
            raise InputError(
                'reduce_zero_label shifts the labels under the task; leave it out: label 0 is the '
                'background'
            )
        self.task = build_task(task)
        self.step = step
        self.setting = setting
        self.protocol = get_protocol(protocol)
        self.cache_dir = cache_dir
        select_images([], self.task, step, setting)
        self._check_layout(data_root, ann_file, data_prefix)
        names = self.task.channel_names(step)
        metainfo = dict(classes=tuple(names), palette=self._palette())
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            data_prefix=dict(data_prefix),
            metainfo=metainfo,
            **kwargs,
        )
        self._map_labels_after_loading()

    def _check_layout(self, root: str | None, ann_file: str, prefix: Mapping) -> None:
        parts = [root or '', *(os.path.join(root or '', p) for p in (*prefix.values(), ann_file))]
        missing = [f'{part}: not found' for part in parts if part and not os.path.exists(part)]
        if missing:
            hint = _HOW_TO_GET.get(self.task.dataset, 'set data_root to the folder of the data')
            if root and not os.path.exists(root):
                missing = missing[:1]
            missing[0] += f' ({hint.format(root=root)})'
            raise DataError(f'data set {self.task.dataset!r}, data_root={root!r}', missing)

    def _palette(self) -> list[list[int]]:
        colors = color_palette(len(self.task.names) + 1)
        return [colors[label] for label in [0, *self.task.seen_classes(self.step)]]

    @classmethod
    def get_label_map(cls, new_classes: object = None) -> None:
        """No label map: mmseg's would send the classes of other steps to 255."""

    def _map_labels_after_loading(self) -> None:
        table = label_table(
            self.task, self.step, self.setting, self.protocol, training=not self.test_mode
        )
        _insert_after_loading(self.pipeline, MapLabels(table))

    def load_data_list(self) -> list[dict]:
        """Pictures of the list that the step may see, with their sizes.

        Returns:
            mmseg's entries, and in each ``height`` and ``width`` of the picture as stored.

        Raises:
            DataError: If the list is empty, data are broken, or no picture is left.
        """
        blank = self.img_suffix
        listed = [i for i in super().load_data_list() if os.path.basename(i['img_path']) != blank]
        if not listed:
            raise DataError(self.ann_file, ['the list is empty'])
        index = read_class_index(
            [Sample(info['img_path'], info['seg_map_path']) for info in listed],
            len(self.task.names),
            self.data_root or os.path.dirname(self.ann_file),
            self.cache_dir,
        )
        class_sets = [entry.classes for entry in index]
        if self.test_mode:
            kept = select_test_images(class_sets, self.task, self.step, self.protocol)
        else:
            kept = select_images(class_sets, self.task, self.step, self.setting)
        if not kept:
            task, step = self.task, self.step
            labels = task.seen_classes(step) if self.test_mode else task.new_classes(step)
            names = [task.names[label - 1] for label in labels]
            raise DataError(
                self.ann_file,
                [
                    f'step {step} ({", ".join(names)}) of task {task.name!r} selects '
                    f'none of its {len(listed)} pictures in the {self.setting} setting'
                ],
            )
        for position in kept:
            listed[position]['height'], listed[position]['width'] = index[position].size
        return [listed[position] for position in kept]

    def picture_sizes(self) -> list[tuple[int, int]]:
        """Height and width of each picture, before any transform; no file is opened."""
        infos = map(self.get_data_info, range(len(self)))
        return [(info['height'], info['width']) for info in infos]

    def __getitem__(self, idx: int | Draw) -> dict:
        """Load a picture; a :class:`Draw` seeds its augmentation first."""
        if isinstance(idx, Draw):
            idx.seed_everything()
            idx = idx.index
        return super().__getitem__(idx)


def _insert_after_loading(transforms: object, mapping: MapLabels) -> None:
    """Insert a transform after LoadAnnotations, within RandomApply, TestTimeAug, ... too."""
    if not isinstance(transforms, list):
        for holder in ('transforms', 'subroutines'):
            if hasattr(transforms, holder):
                _insert_after_loading(getattr(transforms, holder), mapping)
        return
    for position in reversed(range(len(transforms))):
        if isinstance(transforms[position], LoadAnnotations):
            transforms.insert(position + 1, mapping)
        else:
            _insert_after_loading(transforms[position], mapping)
