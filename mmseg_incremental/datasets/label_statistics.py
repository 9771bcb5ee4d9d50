"""How often each label value occurs in the masks of a data set, and what looks wrong about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from ..tasks import Task
from ..tasks.task import VOID
from ..utils.table import Column, Table
from .sample_check import Sample

#: Share of the pixels from which on void looks like a class: contours and the like cover less.
_MUCH = 0.1
#: Share of the pictures that a background, or what nobody labelled, may be absent from.
_FEW_PICTURES = 0.1


@dataclass
class LabelStatistics:
    """Counts of label values.

    Args:
        num_pictures: Number of masks.
        pixels: Number of pixels of every value, shape (256,).
        pictures: Number of masks in which a value occurs, shape (256,).
        unreadable: Masks that could not be read.
    """

    num_pictures: int = 0
    pixels: np.ndarray = field(default_factory=lambda: np.zeros(256, dtype=np.int64))
    pictures: np.ndarray = field(default_factory=lambda: np.zeros(256, dtype=np.int64))
    unreadable: list[str] = field(default_factory=list)

    @property
    def shares(self) -> np.ndarray:
        """Share of the pixels of every value, shape (256,)."""
        return self.pixels / max(self.pixels.sum(), 1)


def count_labels(samples: Sequence[Sample]) -> LabelStatistics:
    """Count the label values of masks.

    Args:
        samples: Pictures and masks; a mask that is not 8-bit with one channel is not counted.

    Returns:
        The counts.
    """
    found = LabelStatistics()
    for sample in dict.fromkeys(samples):
        try:
            with Image.open(sample.mask) as mask:
                if mask.mode not in ('L', 'P'):
                    raise ValueError(f'mode {mask.mode}')
                counts = np.array(mask.histogram())
        except (OSError, SyntaxError, ValueError):
            found.unreadable.append(sample.mask)
            continue
        found.num_pictures += 1
        found.pixels += counts
        found.pictures += counts > 0
    return found


def statistics_table(
    found: LabelStatistics, task: Task, meaning: Mapping[int, int], zero: str | None = None
) -> Table:
    """A row per value that occurs or has a class for its meaning.

    Args:
        found: The counts.
        task: The task.
        meaning: As :func:`~mmseg_incremental.datasets.label_table.label_meaning` gives it.
        zero: What label 0 stands for, if not for the background.

    Returns:
        Value, meaning, pictures, share of the pixels (%).
    """
    columns = [
        Column('value'), Column('meaning', 'left'), Column('pictures'),
        Column('pixels (%)', format='.3f'),
    ]  # fmt: skip
    values = [v for v in range(256) if found.pixels[v] or 0 < meaning.get(v, 0) < VOID]
    rows = [
        [
            v,
            zero if zero and meaning.get(v) == 0 else _name(task, meaning.get(v)),
            int(found.pictures[v]),
            100 * float(found.shares[v]),
        ]
        for v in values
    ]
    return Table(f'labels of {found.num_pictures} pictures', columns, [rows])


def _name(task: Task, label: int | None) -> str:
    if label is None:
        return 'no meaning'
    return 'void' if label == VOID else task.label_names[label]


def label_warnings(
    found: LabelStatistics, task: Task, meaning: Mapping[int, int], expected: Sequence[int]
) -> list[str]:
    """What cannot be right about labels, or is unlikely to be.

    Args:
        found: The counts.
        task: The task.
        meaning: Value in a mask to label of the task.
        expected: Labels of the classes that should occur.

    Returns:
        One line for each finding.
    """
    warnings = []
    values_of = {label: [v for v in meaning if meaning[v] == label] for label in meaning.values()}
    for label in expected:
        values = values_of.get(label, [])
        if not found.pixels[values].sum():
            shown = ', '.join(map(str, values)) or 'none'
            warnings.append(f'class {task.names[label - 1]!r} (value {shown}) never occurs')
    others = [v for v in range(256) if found.pixels[v] and v not in meaning]
    if others:
        shown = ', '.join(map(str, others))
        warnings.append(f'values {shown} have no meaning; labels and unlabelled say what they are')
    for value in (0, VOID):
        name = _name(task, meaning.get(value))
        absent = 1 - found.pictures[value] / max(found.num_pictures, 1)
        rare = value == 0 and found.pixels[0] and absent > _FEW_PICTURES
        large = value == VOID and found.shares[value] > _MUCH
        if meaning.get(value) in (0, VOID) and (rare or large):
            seen = (
                f'is absent from {absent:.0%} of the pictures' if rare
                else f'covers {found.shares[value]:.0%} of the pixels'
            )  # fmt: skip
            warnings.append(f'value {value} is taken for {name}, but looks like a class: it {seen}')
    unlabelled = [v for v in meaning if meaning[v] in (0, VOID)]
    if found.num_pictures and not found.pixels[unlabelled].sum():
        warnings.append(f'every pixel is labelled; none is {_name(task, 0)} or void')
    return warnings
