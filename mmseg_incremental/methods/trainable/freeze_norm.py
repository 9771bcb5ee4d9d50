"""Frozen batch normalisation."""

from collections.abc import Iterator

from mmseg.registry import TASK_UTILS
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@TASK_UTILS.register_module()
class FreezeNorm:
    """Batch normalisation keeps its statistics and its affine parameters."""

    def apply(self, model: nn.Module) -> None:
        """Take the affine parameters out of training."""
        for norm in _norms(model):
            norm.requires_grad_(False)

    def set_mode(self, model: nn.Module) -> None:
        """Put normalisation into evaluation mode, whatever mode the model is in."""
        for norm in _norms(model):
            norm.eval()


def _norms(model: nn.Module) -> Iterator[_BatchNorm]:
    return (module for module in model.modules() if isinstance(module, _BatchNorm))
