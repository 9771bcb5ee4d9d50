"""What the published protocols do with void pixels and future classes."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from ..errors import InputError

_CHOICES = {
    'void': ('background', 'ignore'),
    'future': ('background', 'ignore'),
    'test_images': ('seen', 'all'),
}


@dataclass(frozen=True)
class Protocol:
    """Protocol choices on which publications differ.

    Args:
        void: Training label of void pixels: ``'background'`` (0) or ``'ignore'`` (255). In
            evaluation void is always ignored.
        future: Evaluation label of classes that are not learnt yet: ``'background'`` (0) or
            ``'ignore'`` (255). In training they are always background.
        test_images: Pictures evaluated after a step: those with at least one class learnt so
            far (``'seen'``) or ``'all'``.

    Raises:
        InputError: If a choice is unknown.
    """

    void: str = 'background'
    future: str = 'ignore'
    test_images: str = 'seen'

    def __post_init__(self) -> None:
        for key, choices in _CHOICES.items():
            if getattr(self, key) not in choices:
                raise InputError(
                    f'protocol.{key} must be one of {list(choices)}, got {getattr(self, key)!r}'
                )


#: Presets: ``mib`` as the code of MiB (Cermelli et al., CVPR 2020), ``plop`` as that of PLOP
#: (Douillard et al., CVPR 2021) and most later work, ``paper`` as the code of incremental
#: BiSeNet, which follows MiB.
PROTOCOLS: dict[str, Protocol] = {
    'mib': Protocol(void='background', future='ignore', test_images='seen'),
    'plop': Protocol(void='ignore', future='background', test_images='seen'),
    'paper': Protocol(void='background', future='ignore', test_images='seen'),
}


def get_protocol(spec: str | Mapping | Protocol) -> Protocol:
    """Build a protocol from a preset's name, or from single choices on top of a preset.

    Args:
        spec: ``'mib'``, ``'plop'``, ``'paper'``, or for instance
            ``dict(preset='mib', void='ignore')`` (the preset defaults to ``'mib'``).

    Returns:
        The protocol.

    Raises:
        InputError: If the preset, a key or a choice is unknown.

    Example:
        >>> get_protocol(dict(preset='plop', test_images='all'))
        Protocol(void='ignore', future='background', test_images='all')
    """
    if isinstance(spec, Protocol):
        return spec
    if not isinstance(spec, (str, Mapping)):
        raise InputError(f'protocol must be a name or a dict, got {spec!r}')
    choices = {'preset': spec} if isinstance(spec, str) else dict(spec)
    preset = choices.pop('preset', 'mib')
    if not isinstance(preset, str) or preset not in PROTOCOLS:
        raise InputError(f'unknown protocol {preset!r}; presets are {sorted(PROTOCOLS)}')
    values = {field.name: getattr(PROTOCOLS[preset], field.name) for field in fields(Protocol)}
    if unknown := sorted(set(choices) - set(values)):
        raise InputError(f'protocol has unknown keys {unknown}; known are {sorted(values)}')
    return Protocol(**{**values, **choices})
