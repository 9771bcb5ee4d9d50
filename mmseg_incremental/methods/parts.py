"""The parts that a method's config names, each checked and built once when it is read."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

from mmengine.registry import Registry
from mmseg.registry import MODELS, TASK_UTILS

from ..errors import InputError
from ..models import CLASSIFIER_INITS

_REQUIRED = ('name', 'loss', 'distillation', 'classifier_init')
#: Parts that a method may do without, with what stands for their absence.
OPTIONAL = {
    'first_loss': None,
    'targets': None,
    'link': None,
    'extra_channels': None,
    'structure': [],
    'trainable': [],
    'survey': None,
    'importance': None,
    'after_step': [],
    'memory': None,
}
#: The moments in the order in which they act.
MOMENTS = (
    'extra_channels', 'structure', 'classifier_init', 'trainable', 'survey', 'memory', 'targets',
    'first_loss', 'loss', 'distillation', 'importance', 'after_step', 'link',
)  # fmt: skip
#: Registered with the models; the other parts are task utilities.
MODULES = ('loss', 'first_loss', 'distillation')
_LISTS = ('distillation', 'structure', 'trainable', 'after_step')
#: One config, or a list of some.
_LOSSES = ('loss', 'first_loss')
#: Steps at which a part of ``trainable`` acts.
_WHEN = ('first', 'later', 'all')


@dataclass(frozen=True)
class Parts:
    """A ``method`` entry, read by key.

    Args:
        config: The entry.

    Raises:
        InputError: If a key is unknown or missing, a part cannot be built, or two do not fit.
    """

    config: Mapping

    def __post_init__(self) -> None:
        self._check_keys()
        self._build_all()
        self._check_together()

    def _check_keys(self) -> None:
        method = self.config
        if not isinstance(method, Mapping):
            raise InputError(f'method must be a dict with the keys {_REQUIRED}, got {method!r}')
        known = {*_REQUIRED, *OPTIONAL}
        unknown, missing = sorted(set(method) - known), sorted(set(_REQUIRED) - set(method))
        if unknown or missing:
            raise InputError(
                f'method must have the keys {sorted(_REQUIRED)} and may have '
                f'{sorted(OPTIONAL)}; unknown: {unknown}, missing: {missing}'
            )

    def _check_together(self) -> None:
        method = self.config
        for part in self.one('trainable'):
            if part.get('when', 'later') not in _WHEN:
                raise InputError(
                    f'method.trainable: when must be one of {list(_WHEN)}, got {part["when"]!r}'
                )
        if method.get('extra_channels') and not method.get('link'):
            raise InputError(
                'method has extra_channels but no link, which says how they become decisions; '
                "link=dict(type='SeenChannels') leaves them out"
            )
        terms = [MODELS.build(copy.deepcopy(part)) for part in self.one('distillation')]
        apart = all(term.taps or getattr(term, 'per_channel', False) for term in terms)
        if method.get('extra_channels') and not apart:
            raise InputError(
                'method: a distillation of logits takes all channels for classes, but '
                'extra_channels adds some beside them; give it taps, or let it compare each '
                'channel by itself'
            )
        targets = self.one('targets')
        needs_survey = targets and getattr(part_class(TASK_UTILS, targets), 'needs_survey', False)
        if needs_survey and not self.one('survey'):
            raise InputError(f'method.targets: {targets["type"]} needs a survey, and there is none')

    def one(self, key: str) -> object:
        """Config of a part, or what stands for its absence."""
        part = self.config.get(key, OPTIONAL.get(key))
        return OPTIONAL.get(key) if part is None else part

    def copy(self, key: str) -> object:
        """A part's config that may be changed."""
        return copy.deepcopy(self.one(key))

    def _build_all(self) -> None:
        """Build every part once, so that a wrong one is found before anything is trained."""
        init = self.config['classifier_init']
        if isinstance(init, Mapping):
            _build(TASK_UTILS, init, 'method.classifier_init')
        elif init not in list(CLASSIFIER_INITS):
            raise InputError(
                f'method.classifier_init is {init!r}; known are {sorted(CLASSIFIER_INITS)}'
            )
        for key in ('loss', 'distillation', *OPTIONAL):
            for part in self.listed(key):
                registry = MODELS if key in MODULES else TASK_UTILS
                _build(registry, part, f'method.{key}')

    def listed(self, key: str) -> list:
        """The configs of an entry, whether it takes one or several."""
        entry = self.one(key)
        several = key in _LISTS or (key in _LOSSES and entry)
        if isinstance(entry, list) and several:
            return entry
        if entry is None and key in OPTIONAL:
            return []
        if key in _LISTS or isinstance(entry, list) or not entry:
            kinds = 'a dict or a list of some' if key in _LOSSES else 'a dict'
            kinds = 'a list' if key in _LISTS else kinds
            raise InputError(f'method.{key} must be {kinds}, got {entry!r}')
        return [entry]


def part_class(registry: Registry, part: Mapping) -> type | None:
    """Class that a part's config names, or None."""
    kind = part.get('type') if isinstance(part, Mapping) else None
    return registry.get(kind) if isinstance(kind, str) else kind


def _build(registry: Registry, part: Mapping, where: str) -> None:
    if part_class(registry, part) is None:
        raise InputError(f'{where}: {part!r} names no known type')
    config = {key: value for key, value in copy.deepcopy(dict(part)).items() if key != 'when'}
    try:
        registry.build(config)
    except (KeyError, TypeError, ValueError, AssertionError) as error:
        raise InputError(f'{where}: {part["type"]} cannot be built: {error}') from error
