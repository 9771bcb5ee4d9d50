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
from ..utils.close_names import close_names
from ..utils.shipped import leaf_names, shipped


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

    A base is a file beside the config that names it, or else one of the configs that come with the
    package, such as ``extend.py`` or ``_base_/models/segformer_b0.py``.

    Args:
        path: The leaf.
        choices: Group to the name of a file, without suffix.

    Returns:
        The config.

    Raises:
        InputError: If there is no such file, or no such base; the message lists those that there
            are.
    """
    if not choices and _are_beside(path):
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
        if group and not _are_beside(base):
            base, _ = _rewrite(base, {}, folder)
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
        raise InputError(f'unknown {group} {name!r}; {close_names(name, known, always_all=True)}')
    return folder / f'{name}.py'


def _bases(path: Path) -> list[Path]:
    return [_find_base(path, name) for name in _names_of_bases(path)]


def _names_of_bases(path: Path) -> list[str]:
    for line in ast.parse(path.read_text(encoding='utf-8')).body:
        if _BASE in _assigned(line):
            value = ast.literal_eval(line.value)
            return [value] if isinstance(value, str) else list(value)
    return []


def _find_base(path: Path, name: str) -> Path:
    """A base beside its config, or one that comes with the package."""
    for folder in (path.parent, shipped('configs')):
        if (folder / name).is_file():
            return (folder / name).resolve()
    raise InputError(
        f'{path}: its base {name!r} is neither a file beside it nor one of the configs that come '
        f'with the package; {close_names(Path(name).stem, leaf_names())}'
    )


def _are_beside(path: Path) -> bool:
    """Whether MMEngine finds all bases too, which looks for them beside a config alone."""
    beside = [(path.parent / name).resolve() for name in _names_of_bases(path)]
    return _bases(path) == beside and all(map(_are_beside, beside))


def _assigned(line: ast.stmt) -> set[str]:
    targets = line.targets if isinstance(line, ast.Assign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _group_of(path: Path) -> str | None:
    for name, group in GROUPS.items():
        if path.parent.name == group.folder and path.parent.parent.name == _BASE:
            return name
    return None
