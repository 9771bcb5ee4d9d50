"""A method: the parts that act at the moments of a sequence, read from its config."""

import copy
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from mmengine.config import ConfigDict
from mmseg.registry import MODELS, TASK_UTILS

from ..errors import InputError
from ..models.channels import Channels
from ..models.classifier_init import COPIED_CHANNELS
from ..tasks import Task
from .parts import MODULES, MOMENTS, OPTIONAL, Parts, part_class


@dataclass(frozen=True)
class Method:
    """What a ``method`` entry of a config says, step by step.

    Args:
        config: The entry: ``name``, ``loss`` (one config or several), ``distillation`` (a list),
            ``classifier_init`` (a name, or the config of one that looks at data), and of the
            other moments those that the method uses: ``first_loss`` (of step 0), ``targets``,
            ``link``, ``extra_channels``, ``structure`` (a list), ``trainable`` (a list; ``when``
            of an entry is ``'first'``, ``'later'`` or ``'all'``), ``survey``, ``importance``,
            ``after_step`` (a list) and ``memory``. An absent part does nothing.

    Raises:
        InputError: If a key is unknown or missing, or a part cannot be built.
    """

    config: Mapping

    def __post_init__(self) -> None:
        _ = self.parts  # which refuses what is wrong

    @cached_property
    def parts(self) -> Parts:
        """The parts by key."""
        return Parts(self.config)

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.config['name']

    def moments(self) -> dict[str, list[str]]:
        """The moments at which the method acts, in their order, with the parts that act there."""
        found = {}
        for key in MOMENTS:
            if parts := self.parts.listed(key) if key != 'classifier_init' else [self.config[key]]:
                found[key] = [_shown(part) for part in parts]
        return found

    @property
    def plain(self) -> bool:
        """Whether stock mmseg's network decides as the method does, from the classes' channels."""
        link = self.parts.one('link')
        if self.parts.one('structure'):
            return False
        return link is None or getattr(part_class(TASK_UTILS, link), 'plain', False)

    @property
    def memory(self) -> ConfigDict | None:
        """Config of the memory."""
        return self.parts.one('memory')

    def losses(self, step: int, num_old: int) -> ConfigDict | list[ConfigDict]:
        """Config of the segmentation loss, or of several, of a step.

        Args:
            step: The step.
            num_old: Number of old channels; losses whose constructor takes it are told.

        Returns:
            ``first_loss`` at step 0 where the method has one, ``loss`` otherwise.
        """
        loss = (step == 0 and self.parts.one('first_loss')) or self.config['loss']
        if isinstance(loss, list):
            return [_with_known(part, num_old=num_old) for part in loss]
        return _with_known(loss, num_old=num_old)

    def model_parts(self, step: int, background: bool = True) -> dict:
        """Configs of the parts that act inside a forward pass or freeze something, of a step.

        Args:
            step: The step.
            background: Whether channel 0 is the background; distillations whose constructor takes
                it are told.
        """
        moments = ('all', 'later' if step else 'first')
        trainable = self.parts.copy('trainable')
        distillation = self.parts.copy('distillation') if step else []
        if not background:
            distillation = [_with_known(part, background=False) for part in distillation]
        return dict(
            distillation=distillation,
            targets=self.parts.copy('targets') if step or self._at_first_step() else None,
            link=self.parts.copy('link'),
            trainable=[part for part in trainable if part.pop('when', 'later') in moments],
        )

    @property
    def structure(self) -> list[ConfigDict]:
        """Configs of what changes the layers of the network."""
        return self.parts.copy('structure')

    def _at_first_step(self) -> bool:
        """Whether the targets are made at step 0 too, where there is no old model."""
        targets = part_class(TASK_UTILS, self.parts.one('targets'))
        return getattr(targets, 'acts_at_first_step', False)

    def label_transforms(self, task: Task, step: int) -> list[ConfigDict]:
        """Configs of what the targets want done to the labels right after they are loaded.

        Args:
            task: The task.
            step: The step.
        """
        targets = self.model_parts(step)['targets']
        if not hasattr(part_class(TASK_UTILS, targets), 'label_transforms'):
            return []
        transforms = TASK_UTILS.build(targets).label_transforms(self.channels(task, step))
        return [ConfigDict(transform) for transform in transforms]

    def step_parts(self, step: int) -> dict:
        """Configs of the parts that act before and after the training of a step."""
        parts = dict(
            classifier_init=copy.deepcopy(self.config['classifier_init']),
            survey=self.parts.copy('survey') if step else None,
            after_step=self.parts.copy('after_step') if step else [],
        )
        if importance := self.parts.copy('importance'):
            parts['importance'] = importance  # it is recorded from step 0 on
        return parts

    def needs_old_model(self, step: int) -> bool:
        """Whether the step learns beside a frozen copy of the step before."""
        parts = (self.config['distillation'], self.parts.one('targets'), self.parts.one('survey'))
        return step > 0 and any(parts)

    def extra_channels(self, task: Task, step: int) -> dict[str, int]:
        """Name to number of the channels beside the classes.

        Raises:
            InputError: If new classifiers are to be copied from a channel that is not there.
        """
        part = self.parts.one('extra_channels')
        extra = TASK_UTILS.build(part)(task, step) if part else {}
        copied = self.config['classifier_init']
        if copied in COPIED_CHANNELS and copied not in extra:
            raise InputError(
                f'method.classifier_init is {copied!r}, which copies a channel of that name, and '
                f'there is none; extra_channels gives {sorted(extra)}'
            )
        return extra

    def channels(self, task: Task, step: int) -> Channels:
        """What the channels of a step's logits stand for."""
        *old, new = task.classes_per_step(step)
        extra = self.extra_channels(task, step)
        names = [name for name, number in extra.items() for _ in range(number)]
        return Channels(sum(old), new, tuple(names), task.background)

    def reads_any_old(self, step: int) -> bool:
        """Whether what learns from a step's labels takes 0 for any old class.

        Such are the unbiased losses, and targets that give these pixels a class or ignore them.
        """
        targets = self.parts.one('targets')
        if step and targets:
            return getattr(part_class(TASK_UTILS, targets), 'reads_any_old', False)
        losses = self.losses(step, num_old=1)
        losses = losses if isinstance(losses, list) else [losses]
        return step > 0 and all(
            getattr(MODELS.build(copy.deepcopy(loss)), 'reads_any_old', False) for loss in losses
        )

    def check_background(self, task: Task) -> None:
        """Refuse parts that need a background for a task without one.

        Raises:
            InputError: If there is such a part; the message names it.
        """
        if task.background:
            return
        for key in ('loss', 'distillation', *OPTIONAL):
            registry = MODELS if key in MODULES else TASK_UTILS
            for part in self.parts.listed(key):
                if getattr(part_class(registry, part), 'needs_background', False):
                    raise InputError(
                        f'method.{key}: {part["type"]} needs a background, and task '
                        f'{task.name!r} of {task.dataset} has none; choose another method'
                    )


def _shown(part: Mapping | str) -> str:
    """A part as a call."""
    if isinstance(part, str):
        return part
    arguments = ', '.join(f'{k}={v!r}' for k, v in dict(part).items() if k != 'type')
    return f'{part["type"]}({arguments})'


def _with_known(loss: Mapping, **known: object) -> ConfigDict:
    """A loss's config with those of some values that its constructor takes."""
    loss = ConfigDict(copy.deepcopy(dict(loss)))
    parameters = inspect.signature(MODELS.get(loss.type)).parameters
    loss.update({key: value for key, value in known.items() if key in parameters})
    return loss
