"""A sequence of steps, read once."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

from mmengine.config import Config, ConfigDict

from ..datasets import Protocol
from ..errors import told_as
from ..methods.method import Method
from ..models.channels import Channels
from ..tasks import Task
from .schedule import StepSchedule
from .work_dir import WorkDir


@dataclass(frozen=True, eq=False)
class Sequence:
    """What a config leaf and its options describe.

    Args:
        cfg: The checked config; nobody changes it.
        task: What is learnt when.
        setting: Which pictures a step may see.
        protocol: What is done with void pixels and future classes.
        method: The parts that keep the old classes.
        schedules: How long and how fast each step learns.
        work_dir: Folder of the results.
        choices: Files of ``_base_`` that the config is made of, by group.
        build_config: Makes the config of a step from the sequence.
    """

    cfg: Config
    task: Task
    setting: str
    protocol: Protocol
    method: Method
    schedules: tuple[StepSchedule, ...]
    work_dir: WorkDir
    choices: Mapping[str, str]
    build_config: Callable[['Sequence', int], Config]
    _steps: dict[int, 'Step'] = field(default_factory=dict, repr=False)

    @property
    def num_steps(self) -> int:
        """Number of steps."""
        return self.task.num_steps

    @property
    def is_extension(self) -> bool:
        """Whether step 0 is a model that was trained elsewhere."""
        return bool(self.cfg.get('base'))

    def step(self, index: int) -> 'Step':
        """A step; its config is built when it is first asked for.

        Args:
            index: The step, counted from 0.

        Raises:
            InputError: If the task has no such step.
        """
        self.task.new_classes(index)
        if index not in self._steps:
            with told_as(f'the config does not make one of step {index}'):
                self._steps[index] = Step(self, index, self.build_config(self, index))
        return self._steps[index]

    @property
    def description(self) -> dict:
        """What a work dir and a checkpoint belong to, in plain values.

        Data set, task, class names per step, setting, what of the data is held back, protocol and
        method.
        """
        method = self.method.config
        partitioned = self.setting == 'partitioned'
        description = {
            'dataset': self.task.dataset,
            'task': self.task.name,
            'groups': [self.class_names(step) for step in range(self.num_steps)],
            'setting': self.setting,
            'dev': self.cfg.get('dev'),
            'partition_seed': self.cfg.get('partition_seed', 0) if partitioned else None,
            'protocol': asdict(self.protocol),
            'method': method.to_dict() if isinstance(method, ConfigDict) else dict(method),
        }
        if not self.task.background:
            description['background'] = False
        return json.loads(json.dumps(description))  # as a results file will give it back

    def class_names(self, step: int) -> list[str]:
        """Names of the classes that a step learns."""
        return [self.task.names[label - 1] for label in self.task.new_classes(step)]


@dataclass(frozen=True, eq=False)
class Step:
    """One step of a sequence.

    Args:
        sequence: The sequence.
        index: The step, counted from 0.
        config: MMEngine's config of its training and evaluation. Who changes it copies it.
    """

    sequence: Sequence
    index: int
    config: Config

    @property
    def is_given(self) -> bool:
        """Whether it was trained elsewhere."""
        return self.index == 0 and self.sequence.is_extension

    @property
    def channels(self) -> Channels:
        """What the channels of its logits stand for."""
        return self.sequence.method.channels(self.sequence.task, self.index)

    @property
    def schedule(self) -> StepSchedule:
        """How long and how fast it learns."""
        return self.sequence.schedules[self.index]
