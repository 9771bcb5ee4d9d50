"""Packages that only some users need."""

from importlib import import_module
from types import ModuleType

from ..errors import InputError


def import_extra(name: str, extra: str, purpose: str) -> ModuleType:
    """Import a package that an extra of this one brings.

    Args:
        name: The module.
        extra: The extra in ``pip install 'mmseg-incremental[EXTRA]'``.
        purpose: What needs it, for the message.

    Returns:
        The module.

    Raises:
        InputError: If it is not installed; the message has the line that installs it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            f"{purpose} needs {name}: pip install 'mmseg-incremental[{extra}]' ({error})"
        ) from error
