"""A finished step as it lies in a work dir: what predicts and exports starts from it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..errors import InputError
from ..utils.quiet import quiet
from .checkpoint import load_weights
from .safe_loading import load_checkpoint
from .stored_config import read_literal_config, stored_config
from .work_dir import WorkDir


@dataclass(frozen=True)
class FinishedStep:
    """What ``step_T.pth`` holds.

    Args:
        path: The file.
        step: The step.
        classes: Name of every channel.
        palette: Red, green and blue (0 to 255) of every channel.
        config: Its plain config; the model in it is safe to build.
        weights: Name to weight.
    """

    path: Path
    step: int
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    config: Config
    weights: Mapping[str, Tensor]

    def load_into(self, model: nn.Module) -> None:
        """Give a model of :attr:`config` the step's weights.

        Raises:
            CheckpointError: If they do not fit.
        """
        load_weights(model, dict(self.weights), str(self.path))
        model.dataset_meta = dict(classes=self.classes, palette=self.palette)

    def build(self) -> nn.Module:
        """The trained model on the CPU, in evaluation mode, as ``mmseg.apis`` takes it.

        Raises:
            CheckpointError: If the weights do not fit its config.
        """
        with quiet():
            model = MODELS.build(self.config.model)
        self.load_into(model)
        model.cfg = self.config
        return model.eval().requires_grad_(False)


def find_checkpoints(path: str | os.PathLike, step: int | None = None) -> dict[int, Path]:
    """Checkpoints of finished steps.

    Args:
        path: A work dir or a ``step_T.pth``.
        step: One step, counted from the last if negative. Defaults to all; of a ``step_T.pth``
            to its own.

    Returns:
        Step to checkpoint, in order; of a file it is the step that it says.

    Raises:
        InputError: If there is none, or a file is not the checkpoint of a step.
    """
    path = Path(path)
    if path.is_dir():
        found = WorkDir(path).checkpoints()
    elif path.is_file():
        if path.suffix == '.py':
            raise InputError(f'{path}: is a config; give {path.with_suffix(".pth")} beside it')
        found = {_meta(load_checkpoint(path), path)['step']: path}
    else:
        raise InputError(f'{path}: neither a work dir nor the step_T.pth of a finished step')
    if not found:
        raise InputError(f'{path}: holds no finished step (step_T.pth); train it first')
    if step is None:
        return found
    number = step if step >= 0 else max(found) + 1 + step
    if number not in found:
        there = ', '.join(map(str, found))
        raise InputError(f'{path}: step {step} is not there; finished are {there}')
    return {number: found[number]}


def read_finished_step(path: str | os.PathLike) -> FinishedStep:
    """Read a step from its checkpoint, and from the ``step_T.py`` beside it only as literals.

    Args:
        path: ``step_T.pth``.

    Returns:
        The step.

    Raises:
        InputError: If it is not there, damaged, unsafe or not of a step.
    """
    path = Path(path)
    content = load_checkpoint(path)
    meta = _meta(content, path)
    names = meta.get('dataset_meta')
    if not isinstance(names, Mapping) or not isinstance(content.get('state_dict'), Mapping):
        raise InputError(f'{path}: not the checkpoint of a step')
    cfg = stored_config(content, path)
    if cfg is None:
        beside = path.with_suffix('.py')
        if not beside.is_file():
            raise InputError(f'{beside}: config not found; training writes it beside step_T.pth')
        cfg = read_literal_config(beside)
    head = cfg.model.get('decode_head') if isinstance(cfg.get('model'), Mapping) else None
    if not isinstance(head, Mapping) or 'num_classes' not in head:
        raise InputError(f'{path}: its config is not the plain config of a step')
    colors = tuple(tuple(color) for color in names['palette'])
    return FinishedStep(
        path, meta['step'], tuple(names['classes']), colors, cfg, content['state_dict']
    )


def _meta(content: Mapping, path: Path) -> Mapping:
    meta = content.get('meta')
    if not isinstance(meta, Mapping) or not isinstance(meta.get('step'), int):
        raise InputError(f'{path}: not the checkpoint of a step')
    return meta
