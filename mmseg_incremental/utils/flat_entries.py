"""Nested values by dotted key."""


def flat_entries(value: object, key: str = '') -> dict[str, object]:
    """Values by dotted key, as ``--cfg-options`` has them.

    Args:
        value: Dicts and lists within each other; what is neither, empty, or a list of plain
            values stays whole.
        key: What all keys begin with.

    Example:
        >>> flat_entries({'a': {'b': 1, 'c': [2, 3]}, 'd': [{'e': 4}], 'f': {}})
        {'a.b': 1, 'a.c': [2, 3], 'd.0.e': 4, 'f': {}}
    """
    parts: dict[str, object] = {}
    if isinstance(value, dict) and value:
        parts = value
    elif isinstance(value, list) and any(isinstance(v, dict | list) for v in value):
        parts = {str(i): v for i, v in enumerate(value)}
    if not parts:
        return {key: value}
    flat: dict[str, object] = {}
    for name, part in parts.items():
        flat.update(flat_entries(part, f'{key}.{name}' if key else name))
    return flat
