"""A method: the losses and the classifier initialisation that it puts together."""

from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config, ConfigDict

from ..errors import InputError
from ..models import CLASSIFIER_INITS

_KEYS = {'name', 'loss', 'distillation', 'classifier_init'}
_OPTIONAL_KEYS = {'first_loss'}


def check_method(method: object) -> None:
    """Check a config's ``method`` entry.

    Args:
        method: ``dict(name=, loss=, distillation=, classifier_init=)``: the method's name, the
            config of its segmentation loss, the list of its distillation losses' configs and the
            name of the initialisation of new classifiers; ``first_loss=`` is the loss of step 0
            where it is another one.

    Raises:
        InputError: If it is no such dict.
    """
    if not isinstance(method, Mapping):
        raise InputError(f'method must be a dict with the keys {sorted(_KEYS)}, got {method!r}')
    if set(method) - _OPTIONAL_KEYS != _KEYS:
        unknown = sorted(set(method) - _KEYS - _OPTIONAL_KEYS)
        raise InputError(
            f'method must have the keys {sorted(_KEYS)}; '
            f'unknown: {unknown}, missing: {sorted(_KEYS - set(method))}'
        )
    if method['classifier_init'] not in list(CLASSIFIER_INITS):
        raise InputError(
            f'method.classifier_init is {method["classifier_init"]!r}; '
            f'known are {sorted(CLASSIFIER_INITS)}'
        )


def step_loss(method: Mapping, step: int) -> ConfigDict | list[ConfigDict]:
    """Config of the segmentation loss, or of several, of a step.

    Args:
        method: A checked ``method`` entry.
        step: The step.

    Returns:
        ``first_loss`` at step 0 where the method has one, ``loss`` otherwise.
    """
    return method['first_loss'] if step == 0 and 'first_loss' in method else method['loss']


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
