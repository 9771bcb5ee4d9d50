"""A method: the losses and the classifier initialisation that it puts together."""

from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config

from ..errors import InputError
from ..models import CLASSIFIER_INITS

_KEYS = {'name', 'loss', 'distillation', 'classifier_init'}


def check_method(method: object) -> None:
    """Check a config's ``method`` entry.

    Args:
        method: ``dict(name=, loss=, distillation=, classifier_init=)``: the method's name, the
            config of its segmentation loss, the list of its distillation losses' configs and the
            name of the initialisation of new classifiers.

    Raises:
        InputError: If it is no such dict.
    """
    if not isinstance(method, Mapping):
        raise InputError(f'method must be a dict with the keys {sorted(_KEYS)}, got {method!r}')
    if set(method) != _KEYS:
        raise InputError(
            f'method must have the keys {sorted(_KEYS)}; '
            f'unknown: {sorted(set(method) - _KEYS)}, missing: {sorted(_KEYS - set(method))}'
        )
    if method['classifier_init'] not in list(CLASSIFIER_INITS):
        raise InputError(
            f'method.classifier_init is {method["classifier_init"]!r}; '
            f'known are {sorted(CLASSIFIER_INITS)}'
        )


def find_method(name: str, config_file: str) -> Config:
    """Read a method's config by its name, as in ``--cfg-options method=lwf``.

    Args:
        name: Name of a file in ``_base_/methods``.
        config_file: Config beside which ``_base_`` lies.

    Returns:
        The ``method`` entry of that file.

    Raises:
        InputError: If there is no such file.
    """
    folder = Path(config_file).parent / '_base_' / 'methods'
    known = sorted(p.stem for p in folder.glob('*.py'))
    if name not in known:
        raise InputError(f'unknown method {name!r}; methods in {folder} are {known}')
    return Config.fromfile(folder / f'{name}.py').method
