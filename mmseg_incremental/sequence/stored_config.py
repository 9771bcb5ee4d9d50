"""The plain config of a finished step as data, which is read without running anything."""

import ast
import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import Registry
from mmseg.registry import MODELS, TASK_UTILS

from ..errors import InputError
from .safe_loading import CheckpointError

#: Entry of a step's ``meta``.
PLAIN_CONFIG = 'plain_config'
#: Whose networks a stored config may name.
_SCOPES = ('mmengine', 'mmseg', 'mmpretrain')
#: Parts of a method that a network may hold: its decisions, and what replaces its layers.
_PARTS = tuple(f'{__package__.split(".")[0]}.methods.{kind}.' for kind in ('links', 'structure'))
#: Weights to begin with, which a finished step does not need; to load them may run code.
_BEGINNINGS = ('init_cfg', 'pretrained', 'checkpoint', 'checkpoint_path')
_FOREIGN_CODE = 'trust_remote_code'


def as_data(value: object) -> object:
    """A config in plain containers, such as a checkpoint may hold.

    Args:
        value: A ``Config`` or anything in one; classes become their names.
    """
    if isinstance(value, Config):
        value = value.to_dict()
    if isinstance(value, Mapping):
        return {str(key): as_data(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(as_data(part) for part in value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return getattr(value, '__name__', str(value))


def stored_config(content: Mapping, path: str | os.PathLike) -> Config | None:
    """The plain config that a step's checkpoint holds.

    Args:
        content: What :func:`~mmseg_incremental.sequence.load_checkpoint` gave.
        path: Where it came from, for messages.

    Returns:
        The config, or None where the checkpoint has none. Its model is safe to build: it names
        registered networks only, and no file of weights to begin with.

    Raises:
        CheckpointError: If it is no config, or names anything else.
    """
    meta = content.get('meta')
    entry = meta.get(PLAIN_CONFIG) if isinstance(meta, Mapping) else None
    if entry is None:
        return None
    if not isinstance(entry, Mapping):
        raise CheckpointError(f'{path}: its config is no mapping')
    return _safe(dict(entry), path)


def read_literal_config(path: str | os.PathLike) -> Config:
    """Read a ``step_T.py`` without executing it.

    Args:
        path: A Python file that assigns literals and ``dict(...)`` of some to names.

    Returns:
        The config, as safe to build as that of :func:`stored_config`.

    Raises:
        InputError: If it is anything else.
    """
    return _safe(read_literals(path), path)


def read_literals(path: str | os.PathLike) -> dict[str, object]:
    """Read a config file without executing it, and without a promise of what may be built of it.

    Args:
        path: A Python file that assigns literals and ``dict(...)`` of some to names.

    Returns:
        Name to value.

    Raises:
        InputError: If it is anything else.
    """
    try:
        tree = ast.parse(Path(path).read_text(encoding='utf-8'))
        return dict(_assignments(tree))
    except (SyntaxError, UnicodeDecodeError, RecursionError, ValueError) as error:
        reason = str(error).split('\n')[0]
        raise InputError(
            f'{path}: not the plain config of a step, which is WORK_DIR/step_T.py ({reason})'
        ) from error


def _assignments(tree: ast.Module) -> Iterator[tuple[str, object]]:
    for line in tree.body:
        if not (isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name)):
            raise ValueError(f'line {line.lineno} is no assignment')
        yield line.targets[0].id, _literal(line.value)


def _literal(node: ast.expr) -> object:
    """Value of a literal in which ``dict(...)`` counts as one."""
    if isinstance(node, (ast.List, ast.Tuple)):
        parts = [_literal(part) for part in node.elts]
        return parts if isinstance(node, ast.List) else tuple(parts)
    if isinstance(node, ast.Dict):
        keys = [ast.literal_eval(key) for key in node.keys]
        return dict(zip(keys, map(_literal, node.values), strict=True))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        if any(keyword.arg is None for keyword in node.keywords) or not all(
            isinstance(part, ast.Dict) for part in node.args
        ):
            raise ValueError(f'line {node.lineno} is no literal')
        # MMEngine writes a mapping whose keys are no names as dict({...})
        positional = [_literal(part) for part in node.args[:1]]
        return dict(*positional) | {
            keyword.arg: _literal(keyword.value) for keyword in node.keywords
        }
    return ast.literal_eval(node)


def _safe(entry: dict, path: str | os.PathLike) -> Config:
    model = entry.get('model')
    if isinstance(model, Mapping):
        entry['model'] = _checked(model, path)
    try:
        return Config(entry)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f'{path}: no config ({error})') from error


def _checked(value: object, path: str | os.PathLike) -> object:
    """The config of a model without the weights that it would begin with."""
    if isinstance(value, (list, tuple)):
        return type(value)(_checked(part, path) for part in value)
    if not isinstance(value, Mapping):
        return value
    if 'type' in value and not _is_registered(value['type'], value.get('_scope_')):
        raise CheckpointError(
            f'{path}: refused, since its config names {value["type"]!r}, which is no network of '
            f'{", ".join(_SCOPES)} or of this package'
        )
    if value.get(_FOREIGN_CODE):
        raise CheckpointError(f'{path}: refused, since its config sets {_FOREIGN_CODE}')
    kept = {k: part for k, part in value.items() if not (part and k in _BEGINNINGS)}
    return {k: _checked(part, path) for k, part in kept.items()}


def _is_registered(kind: object, scope: object) -> bool:
    """Whether a type is a registered network; MMEngine would call any function by its path."""
    if not isinstance(kind, str):
        return False
    named, _, name = kind.rpartition('.')
    named = named or scope
    if named is None:
        part = TASK_UTILS.module_dict.get(name)
        return any(name in registry.module_dict for registry in _ancestors(MODELS)) or (
            part is not None and part.__module__.startswith(_PARTS)
        )
    if named not in _SCOPES:
        return False
    import_module(f'{named}.registry')
    root = list(_ancestors(MODELS))[-1]
    registry = root.children.get(named, root)
    registry.import_from_location()
    return name in registry.module_dict


def _ancestors(registry: Registry | None) -> Iterator[Registry]:
    while registry is not None:
        registry.import_from_location()
        yield registry
        registry = registry.parent
