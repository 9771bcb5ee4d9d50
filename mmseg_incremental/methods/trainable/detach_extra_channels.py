"""Extra channels that train nothing but themselves."""

from collections.abc import Sequence

from mmseg.registry import TASK_UTILS
from torch import nn


@TASK_UTILS.register_module()
class DetachExtraChannels:
    """Let extra channels learn on features that learn nothing from them, as in DKD.

    Source: Baek et al., DKD, NeurIPS 2022, section 3.4: the auxiliary classifier.

    Args:
        names: Names of the extra channels.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = frozenset(names)

    def apply(self, model: nn.Module) -> None:
        """Detach the features that these channels see, in all heads.

        Args:
            model: Its ``classifiers()`` yields names and incremental classifiers.
        """
        for _, classifier in model.classifiers():
            classifier.detached = classifier.detached | self.names

    def set_mode(self, model: nn.Module) -> None:
        """Leave the model as it is: a classifier does the same in either mode."""
