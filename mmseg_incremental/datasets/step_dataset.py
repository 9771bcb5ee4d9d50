"""Any data set of mmseg as one step of a task sees it."""

import os
from collections.abc import Mapping

import numpy as np
from mmseg.registry import DATASETS
from PIL import Image
from torch.utils.data import Dataset

from ..errors import InputError
from ..tasks import Task, build_task
from ..utils.files import relative_to_common_folder
from ..utils.palette import color_palette
from .class_index import DataError, read_class_index
from .inner_dataset import InnerDataset, build_inner_dataset
from .label_table import (
    label_meaning,
    label_table,
    labelled_classes,
    table_of_values,
    training_table,
)
from .map_labels import MapLabels, map_after_loading
from .memory_file import Candidate, read_memory
from .protocol import Protocol, get_protocol
from .sampler import Draw
from .selection import in_dev_part, select_images, select_test_images


@DATASETS.register_module()
class StepDataset(Dataset):
    """Pictures and labels of one step, out of any data set of mmseg.

    The data set may be any ``BaseSegDataset``, or ``ConcatDataset``, ``RepeatDataset``, ... around
    some. Of its pictures those are kept that the step may see; the labels are mapped through a
    256-entry table right after they are loaded, so any pipeline with ``LoadAnnotations`` works.

    The protocol presets are ``'mib'`` (void is background in training, classes not learnt yet
    are ignored in evaluation), ``'plop'`` (void is ignored in training, classes not learnt yet
    are background in evaluation) and ``'paper'`` (as ``'mib'``); in all three the pictures with
    a class learnt so far are evaluated. ``dict(preset='mib', void='ignore')`` changes one choice.

    Remembered pictures come after the step's own, each once. They show the classes that the steps
    which stored them learnt, and nothing else: a picture that the step selects too is there twice,
    once as its own with the step's classes and once as a memory with the old ones. With
    ``memory_share`` they are not appended; every :class:`Draw` is replaced by a remembered picture
    with that probability instead, so that a batch holds this share of them on average (SSUL-M
    replaces exactly half of each batch). The seed of the draw alone decides whether and by which.

    Attributes:
        dataset: The wrapped data set.
        leaves: The data sets within it that read files; each has a ``pipeline``.
        picture_names: Path of each own picture of the step, relative to the common folder of all
            pictures of the list; it identifies the picture on any machine.
        picture_paths: Path of each own picture of the step as the data set gives it.
        class_sets: Labels (of the task) of all classes in each own picture's mask.
        memory: The remembered pictures.

    Args:
        dataset: Config of the data set. Evaluation or training is chosen by ``test_mode`` here.
        task: The task, or a dict for :func:`mmseg_incremental.tasks.build_task`.
        step: The step, counted from 0.
        setting: ``'overlapped'``, ``'disjoint'``, ``'sequential'`` or ``'partitioned'``; see
            :func:`~mmseg_incremental.datasets.selection.select_images`.
        protocol: Name of a preset, or a dict of choices.
        test_mode: Whether the pictures are for evaluation.
        memory: File with the remembered pictures; see
            :func:`~mmseg_incremental.datasets.memory_file.write_memory`.
        memory_share: Share of the draws that are replaced by remembered pictures, above 0, at
            most 1. Left out, they are appended.
        partition_seed: Seed of the ``'partitioned'`` setting.
        dev: Share of the list, between 0 and 1, that is held back from training; with
            ``test_mode`` only what is held back is there. None uses the whole list.
        labels: How the masks number the labels, where they do otherwise than the task; see
            :func:`~mmseg_incremental.datasets.label_table.label_meaning`.
        any_old: In a task without a background, whether label 0 of a later step stands for any
            old class; if not, such pixels are ignored.

    Raises:
        DataError: If data are missing or broken, or the step selects no picture.
        InputError: If task, step, setting or protocol are unknown, the data set changes labels
            itself or loads none, or the memory does not fit.
    """

    def __init__(
        self,
        dataset: Mapping,
        task: Task | Mapping,
        step: int,
        setting: str = 'overlapped',
        protocol: str | Mapping | Protocol = 'mib',
        test_mode: bool = False,
        memory: str | os.PathLike | None = None,
        memory_share: float | None = None,
        partition_seed: int = 0,
        dev: float | None = None,
        labels: Mapping | None = None,
        any_old: bool = False,
    ) -> None:
        self.task = build_task(task)
        self.step = step
        self.setting = setting
        self.protocol = get_protocol(protocol)
        self.test_mode = test_mode
        self.memory_share = memory_share
        self.partition_seed = partition_seed
        if dev is not None and not 0 < dev < 1:
            raise InputError(f'dev must be a share between 0 and 1, or None, got {dev!r}')
        self.dev = dev
        self.any_old = any_old
        select_images([], self.task, step, setting)  # refuses what is unknown
        self.memory = self._read_memory(memory)
        inner = build_inner_dataset(dataset, self.task, test_mode)
        self.dataset, self.leaves = inner
        meanings = [
            label_meaning(self.task, leaf.metainfo['classes'], labels) for leaf in self.leaves
        ]
        self._meaning = meanings[0]  # the same for all: each names its labels as the task does
        self._map_labels()
        self._select(inner)

    def _read_memory(self, path: str | os.PathLike | None) -> list[Candidate]:
        share = self.memory_share
        if share is not None and not (path and 0 < share <= 1):
            raise InputError(f'memory_share={share!r} must be above 0, at most 1, beside a memory')
        if path is None:
            return []
        if self.test_mode:
            raise InputError(f'{path}: remembered pictures are for training, not for evaluation')
        memory = read_memory(path)
        for entry in memory:
            if max(entry.steps) >= self.step:
                raise InputError(
                    f'{path}: {entry.picture} was stored at step {max(entry.steps)}; '
                    f'step {self.step} can only remember earlier ones'
                )
        return memory

    def _select(self, inner: InnerDataset) -> None:
        """Find the pictures of the step, and those of the memory after them."""
        positions, samples = inner.list_pictures()
        # RepeatDataset and its like list a picture many times
        unique = list(dict.fromkeys(samples))
        _, relative = relative_to_common_folder([s.image for s in unique], os.path.abspath)
        index = dict(zip(unique, read_class_index(unique, self._meaning), strict=True))
        name_of = dict(zip(unique, relative, strict=True))
        entries = [index[sample] for sample in samples]
        names = [name_of[sample] for sample in samples]
        class_sets = [entry.classes for entry in entries]
        if self.test_mode:
            kept = select_test_images(class_sets, self.task, self.step, self.protocol)
        else:
            seed = self.partition_seed
            kept = select_images(class_sets, self.task, self.step, self.setting, seed)
        if self.dev is not None:
            kept = [k for k in kept if in_dev_part(names[k], self.dev) == self.test_mode]
        if not kept:
            raise self._nothing_selected(inner, len(positions))
        self.class_sets = [class_sets[k] for k in kept]
        self.picture_names = [names[k] for k in kept]
        self.picture_paths = [samples[k].image for k in kept]
        kept += self._find_memory(names)
        self._positions = np.array([positions[k] for k in kept])
        self._sizes = [entries[k].size for k in kept]

    def _nothing_selected(self, inner: InnerDataset, number: int) -> DataError:
        task, step = self.task, self.step
        labels = task.seen_classes(step) if self.test_mode else task.new_classes(step)
        names = ', '.join(task.names[label - 1] for label in labels)
        problem = (
            f'step {step} ({names}) of task {task.name!r} selects none of its {number} pictures '
            f'in the {self.setting} setting'
        )
        return DataError(inner.places(), [problem])

    def _find_memory(self, names: list[str]) -> list[int]:
        """Places of the remembered pictures in the list, each the first of its name."""
        first: dict[str, int] = {}
        for place, name in enumerate(names):
            first.setdefault(name, place)
        if lost := [entry.picture for entry in self.memory if entry.picture not in first]:
            raise InputError(
                f'{len(lost)} of {len(self.memory)} remembered pictures are not in the training '
                f'list, the first is {lost[0]}; train with the list of the earlier steps'
            )
        return [first[entry.picture] for entry in self.memory]

    def _map_labels(self) -> None:
        """Insert one mapping into all pipelines; its table is set for every picture."""
        table = label_table(
            self.task, self.step, self.setting, self.protocol, not self.test_mode, self.any_old
        )
        self._table = table_of_values(table, self._meaning)
        self._memory_tables = [self._memory_table(entry) for entry in self.memory]
        self._mapping = MapLabels(self._table)
        for leaf in self.leaves:
            mapped = map_after_loading(leaf.pipeline, self._mapping)
            # without any pipeline a data set only lists its pictures
            if leaf.pipeline.transforms and not mapped and not self.test_mode:
                raise InputError(
                    f'{type(leaf).__name__}: its pipeline loads no labels to train on; put '
                    "dict(type='LoadAnnotations') after LoadImageFromFile"
                )

    def _memory_table(self, entry: Candidate) -> np.ndarray:
        visible = {c for s in entry.steps for c in labelled_classes(self.task, s, self.setting)}
        table = training_table(self.task, self.step, visible, self.protocol, self.any_old)
        return table_of_values(table, self._meaning)

    @property
    def metainfo(self) -> dict:
        """Names and colours of the channels after the step."""
        colors = color_palette(len(self.task.names) + 1)
        return dict(
            classes=tuple(self.task.channel_names(self.step)),
            palette=[colors[label] for label in self.task.channel_labels(self.step)],
        )

    def __len__(self) -> int:
        """Own pictures, and the remembered ones unless they replace draws."""
        return len(self.class_sets) if self.memory_share is not None else self._positions.size

    def get_data_info(self, index: int) -> dict:
        """Entry of a picture as the wrapped data set has it."""
        return self.dataset.get_data_info(int(self._positions[range(len(self))[index]]))

    def full_label(self, index: int) -> np.ndarray:
        """All labels of a picture's mask as the task numbers them, ``uint8`` of shape (H, W)."""
        identity = np.arange(256, dtype=np.uint8)
        mask = np.asarray(Image.open(self.get_data_info(index)['seg_map_path']))
        return table_of_values(identity, self._meaning)[mask]

    def picture_sizes(self) -> list[tuple[int, int]]:
        """Height and width of each picture, before any transform; no file is opened."""
        return self._sizes[: len(self)]

    def __getitem__(self, index: int | Draw) -> dict:
        """Load a picture; a :class:`Draw` seeds its augmentation first.

        Raises:
            IndexError: If there is no such picture.
        """
        if isinstance(index, Draw):
            index.seed_everything()
            place = self._place_of(index)
        else:
            place = range(len(self))[index]
        num_own = len(self.class_sets)
        remembered = place >= num_own
        self._mapping.table = self._memory_tables[place - num_own] if remembered else self._table
        return self.dataset[int(self._positions[place])]

    def _place_of(self, draw: Draw) -> int:
        if self.memory_share and self.memory:
            # apart from the generators that the seed gives to the augmentation
            generator = np.random.default_rng([draw.seed, 1])
            if generator.random() < self.memory_share:
                return len(self.class_sets) + int(generator.integers(len(self.memory)))
        return range(len(self))[draw.index]
