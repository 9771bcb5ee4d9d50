"""What the pictures of every step hold, labelled and not: the background shift, measured.

The name is that of Cermelli et al., CVPR 2020, section 3.2: a class that a step does not label is
background there, whether it was learnt before or is learnt later.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.progress import track

from ..tasks import Task
from ..tasks.task import VOID
from ..utils.table import Column, Table
from .label_table import labelled_classes
from .step_dataset import StepDataset

_NAMED = 3  # classes of a cell that are named


@dataclass(frozen=True)
class StepContent:
    """What the training pictures of a step hold.

    Args:
        step: The step.
        num_pictures: Number of its own pictures.
        pictures: Number of pictures with each label of the task, shape (256,).
        pixels: Number of pixels of each label, shape (256,).
        shown: Labels that the step's masks show.
        shared: Number of pictures that an earlier step has too.
        tested: Number of pictures that are test pictures too.
    """

    step: int
    num_pictures: int
    pictures: np.ndarray
    pixels: np.ndarray
    shown: tuple[int, ...]
    shared: int
    tested: int

    def hidden(self, classes: Collection[int]) -> list[int]:
        """Those of some classes that occur and are not labelled, the largest first."""
        found = [c for c in classes if c not in self.shown and self.pixels[c]]
        return sorted(found, key=lambda c: -int(self.pixels[c]))

    def share(self, labels: Collection[int]) -> float:
        """Share of the pixels (%) that some labels cover."""
        return 100 * float(self.pixels[list(labels)].sum() / max(self.pixels.sum(), 1))


def step_contents(datasets: Sequence[StepDataset], tests: Collection[str]) -> list[StepContent]:
    """Count what the pictures of steps hold.

    Args:
        datasets: The training data of every step, from step 0 on.
        tests: Paths of the test pictures.

    Returns:
        What each step holds; every mask is read once.
    """
    counts = _count_pixels(datasets)
    contents, before = [], set()
    for dataset in datasets:
        paths = list(dict.fromkeys(dataset.picture_paths))
        pixels = np.stack([counts[path] for path in paths])
        contents.append(
            StepContent(
                step=dataset.step,
                num_pictures=len(paths),
                pictures=(pixels > 0).sum(axis=0),
                pixels=pixels.sum(axis=0),
                shown=tuple(labelled_classes(dataset.task, dataset.step, dataset.setting)),
                shared=len(before.intersection(paths)),
                tested=len(set(tests).intersection(paths)),
            )
        )
        before.update(paths)
    return contents


def _count_pixels(datasets: Sequence[StepDataset]) -> Mapping[str, np.ndarray]:
    places = {
        path: (dataset, index)
        for dataset in datasets
        for index, path in enumerate(dataset.picture_paths)
    }
    shown = dict(description='Counting pixels', total=len(places), transient=True)
    return {
        path: np.bincount(dataset.full_label(index).ravel(), minlength=256)
        for path, (dataset, index) in track(places.items(), **shown)
    }


def label_table_of_steps(task: Task, contents: Sequence[StepContent]) -> Table:
    """Pictures and pixels of every class that a step labels.

    Args:
        task: The task.
        contents: What the steps hold.
    """
    columns = [
        Column('step', 'left'),
        Column('class', 'left'),
        Column('pictures'),
        Column('pixels (%)', format='.3f'),
    ]
    groups = [
        [
            [content.step, task.names[c - 1], int(content.pictures[c]), content.share([c])]
            for c in content.shown
        ]
        for content in contents
    ]
    return Table('what is labelled', columns, groups)


def shift_table(task: Task, contents: Sequence[StepContent]) -> Table:
    """What the unlabelled pixels of every step are.

    Args:
        task: The task.
        contents: What the steps hold.
    """
    columns = [
        Column('step', 'left'),
        Column('pictures'),
        Column('also earlier'),
        Column('also tested'),
        Column('background (%)' if task.background else 'unlabelled (%)', format='.2f'),
        Column('old (%)', format='.2f'),
        Column('old classes', 'left'),
        Column('future (%)', format='.2f'),
        Column('future classes', 'left'),
        Column('void (%)', format='.2f'),
    ]
    learnt = set(task.class_order)
    rows = []
    for content in contents:
        old = content.hidden(task.old_classes(content.step))
        future = content.hidden(task.future_classes(content.step))
        never = [0, *(c for c in range(1, len(task.names) + 1) if c not in learnt)]
        rows.append(
            [
                content.step, content.num_pictures, content.shared, content.tested,
                content.share(never),
                content.share(old), _named(task, content, old),
                content.share(future), _named(task, content, future),
                content.share([VOID]),
            ]
        )  # fmt: skip
    return Table('what is not labelled, in shares of all pixels', columns, [rows])


def _named(task: Task, content: StepContent, classes: Sequence[int]) -> str | None:
    """The largest classes with the number of their pictures."""
    parts = [f'{task.names[c - 1]} in {content.pictures[c]}' for c in classes[:_NAMED]]
    return ', '.join(parts + (['...'] if len(classes) > _NAMED else [])) or None
