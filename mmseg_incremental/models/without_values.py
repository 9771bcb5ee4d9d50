"""Modules that have shapes but no values."""

import warnings

import torch
from mmengine.config import ConfigDict
from mmseg.registry import MODELS
from torch import nn

from ..utils.quiet import without_logs


def build_without_values(cfg: ConfigDict) -> nn.Module:
    """Build a module on the meta device, which takes hardly any time or memory.

    Random numbers are left as they are, and what the module warns of or logs is not shown.

    Args:
        cfg: Config of the module.

    Returns:
        The module.

    Raises:
        Exception: What the module raises when it is built.
    """
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings(), without_logs():
        warnings.simplefilter('ignore')
        try:
            with torch.device('meta'):
                return MODELS.build(cfg)
        except Exception:  # some read values while they are built
            return MODELS.build(cfg).to('meta')
