"""A class-incremental task: an ordered list of class groups."""

from dataclasses import dataclass

from ..errors import InputError

BACKGROUND = 'background'
UNLABELLED = 'unlabelled'
VOID = 255


@dataclass(frozen=True)
class Task:
    """Which classes are learnt at which step.

    Channel 0 of every model is the background; the classes follow in the order in which they
    are learnt. Classes of the data set that are in no group count as background. Without a
    background the channels are the classes alone, and what is in no group is unlabelled.

    Args:
        dataset: Name of the data set.
        name: Name of the task, such as ``'15-5s'``.
        names: Class names of the data set; position ``i`` is the name of label ``i + 1``.
        groups: Labels learnt at each step, in learning order.
        base: Number of classes, counted in learning order, in the first reported group.
            Defaults to the classes of step 0.
        background: Whether the data have a background, label 0. If not, label 0 of the task
            stands for unlabelled pixels.

    Raises:
        InputError: If a class is listed twice, is 0 or 255 or not in the data set, or if a
            group is empty.

    Example:
        >>> task = Task('pets', 'tiny', ('cat', 'dog', 'hen'), ((1, 3), (2,)))
        >>> task.classes_per_step(1), task.old_classes(1), task.channel_names(1)
        ([3, 1], [1, 3], ['background', 'cat', 'hen', 'dog'])
    """

    dataset: str
    name: str
    names: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]
    base: int = 0
    background: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.background, bool):
            raise InputError(
                f'task {self.name!r}: background is True or False, not {self.background!r}'
            )
        if len(set(self.names)) != len(self.names) or BACKGROUND in self.names:
            raise InputError(
                f'data set {self.dataset!r}: class names must differ, background left out: '
                f'{list(self.names)}'
            )
        if not self.groups:
            raise InputError(f'task {self.name!r}: it has no group of classes')
        seen: set[int] = set()
        for step, group in enumerate(self.groups):
            if not group:
                raise InputError(f'task {self.name!r}: the group of step {step} is empty')
            for label in group:
                self._check_label(label, step)
                if label in seen:
                    raise InputError(
                        f'task {self.name!r}: class {label} ({self.names[label - 1]}) is listed '
                        f'twice, the second time in step {step}'
                    )
                seen.add(label)
        if not isinstance(self.base, int) or not 0 <= self.base <= len(seen):
            raise InputError(
                f'task {self.name!r}: base {self.base!r} is not a whole number in 0..{len(seen)}'
            )

    def _check_label(self, label: int, step: int) -> None:
        if label in (0, VOID):
            what = 'background' if label == 0 else 'void'
            raise InputError(
                f'task {self.name!r}: step {step} lists {label}, which is the label of {what}; '
                f'list classes 1 to {len(self.names)} only'
            )
        if not 1 <= label <= len(self.names):
            raise InputError(
                f'task {self.name!r}: step {step} lists class {label}, which data set '
                f'{self.dataset!r} lacks; it has classes 1 to {len(self.names)}'
            )

    @property
    def num_steps(self) -> int:
        """Number of steps."""
        return len(self.groups)

    @property
    def class_order(self) -> list[int]:
        """All labels of the task in the order in which they are learnt."""
        return [label for group in self.groups for label in group]

    def new_classes(self, step: int) -> list[int]:
        """Labels learnt at a step.

        Raises:
            InputError: If the task has no such step; so do the other methods.
        """
        if not 0 <= step < self.num_steps:
            raise InputError(
                f'task {self.name!r} has no step {step}; its steps are 0 to {self.num_steps - 1}'
            )
        return list(self.groups[step])

    def old_classes(self, step: int) -> list[int]:
        """Labels learnt before a step, in learning order."""
        return self.seen_classes(step)[: -len(self.new_classes(step))]

    def seen_classes(self, step: int) -> list[int]:
        """Labels learnt up to and including a step, in learning order."""
        self.new_classes(step)
        return [label for group in self.groups[: step + 1] for label in group]

    def future_classes(self, step: int) -> list[int]:
        """Labels learnt only after a step, in learning order."""
        return self.class_order[len(self.seen_classes(step)) :]

    def classes_per_step(self, step: int) -> list[int]:
        """Classifier channels added by each step up to a step; step 0 holds the background."""
        self.new_classes(step)
        sizes = [len(group) for group in self.groups[: step + 1]]
        return [sizes[0] + self.background, *sizes[1:]]

    def channel_labels(self, step: int) -> list[int]:
        """Label of every channel of a model after a step, that of the background first."""
        return [0] * self.background + self.seen_classes(step)

    def channel_names(self, step: int) -> list[str]:
        """Names of a model's channels after a step, background first."""
        return [self.label_names[label] for label in self.channel_labels(step)]

    @property
    def label_names(self) -> list[str]:
        """Names of the labels from 0 on: the background, or what is unlabelled, and the classes."""
        return [BACKGROUND if self.background else UNLABELLED, *self.names]

    def report_groups(self, background: bool = False) -> dict[str, list[int]]:
        """Groups of labels whose mean IoU is reported.

        Args:
            background: Whether the background counts, in the first group and in ``'all'``; it
                never does in a task without one.

        Returns:
            Group name to labels. A name holds positions in learning order: ``'1-15'`` and
            ``'16-20'`` for task 15-5, ``'0-15'`` where the background counts.

        Example:
            >>> list(Task('d', 't', ('a', 'b', 'c'), ((3, 1), (2,))).report_groups(True))
            ['0-2', '3', 'all']
        """
        order = self.class_order
        base = self.base or len(self.groups[0])
        counted = background and self.background
        first, start = (0, [0]) if counted else (1, [])
        groups = {_span(first, base): start + order[:base]}
        if base < len(order):
            groups[_span(base + 1, len(order))] = order[base:]
        groups['all'] = start + order
        return groups


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f'{first}-{last}'
