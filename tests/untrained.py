"""Checkpoints of steps that nobody has trained, where training would prove no more."""

from pathlib import Path

import torch
from mmseg.registry import MODELS
from tiny import leaf

from mmseg_incremental.apis import load_sequence
from mmseg_incremental.sequence import plain_config
from mmseg_incremental.sequence.checkpoint import save_step_checkpoint
from mmseg_incremental.sequence.stored_config import PLAIN_CONFIG, as_data


def untrained_step(folder: Path, step: int = 2, **options: object) -> tuple[Path, torch.nn.Module]:
    """Write ``step_T.pth`` with random weights.

    Args:
        folder: Where it goes.
        step: The step.
        **options: Config entries beside those of the leaf for the shapes.

    Returns:
        The file, and the network in it.
    """
    options = {'backbone_weights': None, 'data_root': str(folder), **options}
    config = plain_config(load_sequence(leaf(), options, str(folder)).step(step))
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    path = folder / f'step_{step}.pth'
    names = as_data(config.to_dict()['test_dataloader']['dataset']['metainfo'])
    meta = {'step': step, 'dataset_meta': names, PLAIN_CONFIG: as_data(config)}
    save_step_checkpoint(path, model.state_dict(), meta, [])
    return path, model
