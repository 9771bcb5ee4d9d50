"""Names of parts in a config."""

import re
from collections.abc import Mapping

from ..errors import InputError

_NAME = re.compile(r'[A-Za-z_]\w*(\.[A-Za-z_]\w*)*')


def check_part_types(value: object, key: str = '') -> None:
    """Refuse a ``type`` that can be no part's name, which registries take for a module to import.

    Args:
        value: A config or a value in it.
        key: Its dotted key.

    Raises:
        InputError: If there is one; the message says where.
    """
    if isinstance(value, Mapping):
        parts = list(value.items())
        name = value.get('type')
        if isinstance(name, str) and not _NAME.fullmatch(name):
            raise InputError(
                f'{key}.type must be the name of a part, such as FCNHead or mmpretrain.ResNet, '
                f'got {name!r}'
            )
    else:
        parts = list(enumerate(value)) if isinstance(value, list | tuple) else []
    for name, part in parts:
        check_part_types(part, f'{key}.{name}' if key else str(name))
