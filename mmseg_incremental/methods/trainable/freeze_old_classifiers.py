"""Freezing of what classifies the old classes, as EWF does."""

from mmseg.registry import TASK_UTILS
from torch import nn


@TASK_UTILS.register_module()
class FreezeOldClassifiers:
    """Freeze every classifier but the last step's, the background's row included.

    Without a gradient they have no weight decay either. Extra channels go on learning.
    """

    def apply(self, model: nn.Module) -> None:
        """Freeze the convolutions of the earlier steps in all heads.

        Args:
            model: Its ``classifiers()`` yields names and incremental classifiers.
        """
        for _, classifier in model.classifiers():
            last = len(classifier.classes_per_step) - 1
            for name, parameter in classifier.named_parameters():
                if not name.startswith((f'{last}.', 'extra.')):
                    parameter.requires_grad_(False)

    def set_mode(self, model: nn.Module) -> None:
        """Leave the model as it is: a classifier does the same in either mode."""
