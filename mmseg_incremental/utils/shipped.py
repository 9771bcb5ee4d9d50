"""Files that come beside the code: config leaves, comparisons, tools, what belongs to a paper."""

import os
from pathlib import Path

from ..errors import InputError
from .close_names import close_names

PACKAGE = Path(__file__).resolve().parents[1]
#: Folder of them in an installed package, where ``mim`` looks too.
INSTALLED = '.mim'
#: The leaf of the command ``extend``, which alone knows what it lacks.
EXTENSION = 'extend'


def shipped(*parts: str) -> Path:
    """A file or folder: beside the package in a clone, in ``.mim`` of an installed package.

    Args:
        *parts: Its path, such as ``'configs', 'extend.py'``.
    """
    clone = PACKAGE.parent
    return (clone if (clone / 'setup.cfg').is_file() else PACKAGE / INSTALLED).joinpath(*parts)


def leaf_names() -> list[str]:
    """Names of the config leaves that can be trained."""
    return sorted({path.stem for path in shipped('configs').glob('*.py')} - {EXTENSION})


def find_config(name: str | os.PathLike, *folder: str) -> Path:
    """A config by its path, or by the name of one that comes with the package.

    Args:
        name: Path or name.
        *folder: Folder below ``configs`` of those that come with the package.

    Raises:
        InputError: If there is none; the message says which names are close.
    """
    path = Path(name)
    try:
        if path.is_file():
            return path
    except (OSError, ValueError) as error:
        raise InputError(f'{path}: config not found ({error})') from error
    known = {found.stem: found for found in shipped('configs', *folder).glob('*.py')}
    if path.name == str(name) and path.name in known:
        return known[path.name]
    hint = close_names(path.name.removesuffix('.py'), known)
    raise InputError(f'{path}: config not found; {hint}')
