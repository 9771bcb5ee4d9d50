"""The file of pretrained weights that the backbone of step 0 starts from."""

import copy
import os
import re
from collections.abc import Mapping

from torch import Tensor

from ..errors import InputError
from ..models.without_values import build_without_values
from .safe_loading import load_checkpoint
from .sequence import Sequence


def check_backbone_weights(sequence: Sequence) -> str | None:
    """Check that ``backbone_weights`` fit the backbone, since MMEngine loads what fits of a file.

    Args:
        sequence: The sequence.

    Returns:
        What to tell the user if the file lacks some of the backbone's weights, or None.

    Raises:
        InputError: If the file is missing, damaged, or of another network; a classifier beside
            the backbone's own layers does not matter.
    """
    path = sequence.cfg.backbone_weights
    if path is None:
        return None
    if not os.path.isfile(path):
        raise InputError(
            f'backbone_weights {path} not found: mmseg-incremental download-weights gets '
            'them; backbone_weights=None starts from random weights'
        )
    lacking = _compare(_weights(path), _backbone_state(sequence), path)
    if not lacking:
        return None
    parts = sorted({name.rpartition('.')[0] for name in lacking})
    return f'{path} lacks {len(lacking)} weights of the backbone, which start at random: ' + (
        ', '.join(parts) if len(parts) <= 3 else f'{parts[0]} ... {parts[-1]}'
    )


def _weights(path: str) -> dict[str, Tensor]:
    content = load_checkpoint(path)
    state = content.get('state_dict', content.get('model', content))
    if not isinstance(state, Mapping):
        raise InputError(f'backbone_weights {path} holds no weights by name')
    names = {name: re.sub(r'^(module\.)?(backbone\.)?', '', str(name)) for name in state}
    return {names[k]: value for k, value in state.items() if isinstance(value, Tensor)}


def _backbone_state(sequence: Sequence) -> dict[str, Tensor]:
    """Names and shapes of the weights of the pretrained backbone, which BiSeNet wraps."""
    backbone = sequence.cfg.model.backbone
    cfg = copy.deepcopy(backbone.get('backbone_cfg', backbone))
    cfg.init_cfg = None
    return build_without_values(cfg).state_dict()


def _compare(file: Mapping[str, Tensor], own: Mapping[str, Tensor], path: str) -> list[str]:
    """Names that the file lacks, without the counters of batch normalisation."""
    children = {name.split('.')[0] for name in own}
    others = [name for name in file if name not in own and name.split('.')[0] in children]
    misfits = [
        f'{name} is {tuple(file[name].shape)} there and {tuple(value.shape)} in the config'
        for name, value in own.items()
        if name in file and file[name].shape != value.shape
    ]
    reasons = [*misfits, *(f'{name} is no part of the backbone' for name in others)]
    if not reasons and not any(name in file for name in own):
        reasons = [f'it has {", ".join(list(file)[:2])}, the backbone {", ".join(list(own)[:2])}']
    if reasons:
        raise InputError(f'backbone_weights {path} are of another network: {reasons[0]}')
    return [name for name in own if name not in file and not name.endswith('num_batches_tracked')]
