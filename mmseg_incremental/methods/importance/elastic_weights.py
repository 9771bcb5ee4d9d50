"""Elastic weight consolidation (EWC): the Fisher information of every weight."""

import torch
from mmseg.registry import TASK_UTILS
from torch import Tensor

from .weight_importance import WeightImportance


@TASK_UTILS.register_module()
class ElasticWeights(WeightImportance):
    r"""Importance by a running mean of squared gradients.

    :math:`F \leftarrow \alpha g^2 + (1 - \alpha) F` at every update, from 1 on for new weights and
    from what it was for others. The penalty has the F of the step before.

    Source: Kirkpatrick et al., *Overcoming catastrophic forgetting in neural networks*, PNAS 2017;
    the running mean is that of MiB's code (Cermelli et al., CVPR 2020), where it stands for the
    mean over the data at the end of a step.

    Args:
        weight: Factor of the penalty; 500 in MiB's code.
        alpha: Share of the newest gradients; 0.9 there, so that F is that of the last few batches.
        normalised: Whether F is brought to 0 to 1 within every tensor for the penalty.
    """

    def __init__(self, weight: float = 500.0, alpha: float = 0.9, normalised: bool = True) -> None:
        super().__init__(weight, normalised)
        self.alpha = alpha

    def begin(self) -> None:
        """Go on from the Fisher information that is known."""
        self._values['fisher'] = self._kept_or('fisher', 1.0)

    def importance(self) -> dict[str, Tensor]:
        """The Fisher information of the step before."""
        return self._scaled('fisher')

    @torch.no_grad()
    def observe(self) -> None:
        """Take the gradients into the running mean."""
        for name, gradient in self._gradients().items():
            self._values['fisher'][name].lerp_(gradient.square(), self.alpha)

    def finish(self) -> dict[str, Tensor]:
        """The Fisher information, ``fisher.NAME``."""
        return {f'fisher.{name}': value for name, value in self._values['fisher'].items()}
