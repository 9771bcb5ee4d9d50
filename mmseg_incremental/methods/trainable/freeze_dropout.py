"""Dropout that is off."""

from mmseg.registry import TASK_UTILS
from torch import nn
from torch.nn.modules.dropout import _DropoutNd


@TASK_UTILS.register_module()
class FreezeDropout:
    """Dropout layers let everything through, in training too."""

    def apply(self, model: nn.Module) -> None:
        """Leave the parameters as they are: dropout has none."""

    def set_mode(self, model: nn.Module) -> None:
        """Put dropout into evaluation mode, whatever mode the model is in."""
        for module in model.modules():
            if isinstance(module, _DropoutNd):
                module.eval()
