"""Which loggers there are, and whether they are installed."""

from collections.abc import Collection

from ..errors import InputError
from .extras import import_extra

#: Name of a logger, which is also that of its package and of the extra that brings it.
LOGGERS = ('tensorboard', 'wandb')


def check_loggers(names: Collection[str]) -> None:
    """Find out before long work whether loggers can be used.

    Args:
        names: Some of :data:`LOGGERS`.

    Raises:
        InputError: If a name is unknown or its package is missing; the message has the line that
            installs it.
    """
    for name in names:
        if name not in LOGGERS:
            raise InputError(f'no logger {name!r}; there are {", ".join(LOGGERS)}')
        import_extra(name, name, f'--log {name}')
