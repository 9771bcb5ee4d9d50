"""Parts of a config chosen by name, such as ``method=plop model=segformer_b0``.

A leaf inherits from one file of each folder of ``_base_``. A choice puts another file of the same
folder in its place. What the leaf itself says about the replaced part (such as a weight of its
method's distillation) goes with it, what it says about anything else stays.
"""

import ast
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from ..errors import InputError


@dataclass(frozen=True)
class Group:
    """Files of a folder of ``_base_`` that stand for one another.

    Args:
        folder: The folder's name.
        keys: What a leaf's own changes of are dropped when another file is chosen.
    """

    folder: str
    keys: tuple[str, ...]


GROUPS = {
    'model': Group('models', ('model', 'taps')),
    'dataset': Group(
        'datasets', ('train_pipeline', 'test_pipeline', 'train_dataloader', 'test_dataloader')
    ),
    'task': Group('tasks', ('task',)),
    'method': Group('methods', ('method',)),
    'schedule': Group(
        'schedules',
        (
            'step_schedule',
            'optim_wrapper',
            'param_scheduler',
            'batch_size',
            'crop_size',
            'auto_scale_lr',
        ),
    ),
}
_BASE = '_base_'


def split_choices(options: Mapping) -> tuple[dict[str, str], dict]:
    """Tell choices of files from other options.

    Args:
        options: Options by dotted key. A group's name with a text is a choice.

    Returns:
        Choices, group to name, and the other options.
    """
    choices = {k: v for k, v in options.items() if k in GROUPS and isinstance(v, str)}
    return choices, {k: v for k, v in options.items() if k not in choices}


def read_leaf(path: Path, choices: Mapping[str, str]) -> Config:
    """Read a config leaf with other files of ``_base_`` in the places of its own.

    Args:
        path: The leaf.
        choices: Group to the name of a file, without suffix.

    Returns:
        The config.

    Raises:
        InputError: If there is no such file; the message lists those that there are.
    """
    if not choices:
        return Config.fromfile(path)
    with tempfile.TemporaryDirectory() as folder:
        changed, missing = _rewrite(path, choices, Path(folder))
        beside = _base_folder(path)
        extra = [str(_find(group, choices[group], beside)) for group in missing]
        top = Path(folder, 'leaf.py')
        top.write_text(f'{_BASE} = {[*extra, str(changed)]!r}\n')
        return Config.fromfile(top)


def chosen_files(path: Path) -> dict[str, str]:
    """Group to the name of the file that a leaf inherits from."""
    found: dict[str, str] = {}
    for base in _bases(path):
        group = _group_of(base)
        found.update({group: base.stem} if group else chosen_files(base))
    return found


def _rewrite(path: Path, choices: Mapping[str, str], folder: Path) -> tuple[Path, list[str]]:
    """Copy a config with its bases replaced; also say which groups it has no base of."""
    bases, missing = [], list(choices)
    for base in _bases(path):
        group = _group_of(base)
        if group is None:  # a leaf of its own
            base, left = _rewrite(base, choices, folder)
            missing = [name for name in missing if name in left]
        elif group in choices:
            base = _find(group, choices[group], base.parent.parent)
            missing.remove(group)
        bases.append(str(base))
    dropped = {_BASE, *(key for group in choices for key in GROUPS[group].keys)}
    tree = ast.parse(path.read_text(encoding='utf-8'))
    tree.body = [line for line in tree.body if not dropped & _assigned(line)]
    copy = folder / f'{len(list(folder.iterdir()))}_{path.name}'
    copy.touch()
    copy.write_text(f'{_BASE} = {bases!r}\n{ast.unparse(tree)}\n', encoding='utf-8')
    return copy, missing


def _base_folder(path: Path) -> Path:
    """Folder ``_base_`` of the files that a leaf inherits from, wherever the leaf lies."""
    for base in _bases(path):
        if _group_of(base):
            return base.parent.parent
        if (folder := _base_folder(base)).is_dir():
            return folder
    return path.parent / _BASE


def _find(group: str, name: str, base_folder: Path) -> Path:
    folder = base_folder / GROUPS[group].folder
    known = sorted(path.stem for path in folder.glob('*.py'))
    if name not in known:
        raise InputError(f'unknown {group} {name!r}; those in {folder} are {known}')
    return folder / f'{name}.py'


def _bases(path: Path) -> list[Path]:
    for line in ast.parse(path.read_text(encoding='utf-8')).body:
        if _BASE in _assigned(line):
            value = ast.literal_eval(line.value)
            names = [value] if isinstance(value, str) else value
            return [(path.parent / name).resolve() for name in names]
    return []


def _assigned(line: ast.stmt) -> set[str]:
    targets = line.targets if isinstance(line, ast.Assign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _group_of(path: Path) -> str | None:
    for name, group in GROUPS.items():
        if path.parent.name == group.folder and path.parent.parent.name == _BASE:
            return name
    return None
