"""Path integral (PI, synaptic intelligence): what each weight's way contributed to the loss."""

import torch
from mmseg.registry import TASK_UTILS
from torch import Tensor

from .weight_importance import WeightImportance

_EPS = 1e-20


@TASK_UTILS.register_module()
class PathIntegral(WeightImportance):
    r"""Importance by the fall of the loss along the way of every weight.

    :math:`\delta \leftarrow \delta + g\, (\theta' - \theta)` at every update, :math:`\theta'` the
    weight at the update before. After the step :math:`\Omega = \Omega^{old} + \max(0, \delta /
    ((\theta - \theta^{start})^2 + 10^{-20}))`.

    Source: Zenke et al., *Continual Learning Through Synaptic Intelligence*, ICML 2017, in the
    form of MiB's code (Cermelli et al., CVPR 2020), whose gradient is that at the end of each
    piece of the way.

    Args:
        weight: Factor of the penalty; 500 in MiB's code.
        normalised: Whether the importance is brought to 0 to 1 within every tensor.
    """

    def __init__(self, weight: float = 500.0, normalised: bool = True) -> None:
        super().__init__(weight, normalised)

    def begin(self) -> None:
        """Begin every way anew, at the weights that the step starts from."""
        self._values['delta'] = {n: torch.zeros_like(p) for n, p in self._values['start'].items()}

    def importance(self) -> dict[str, Tensor]:
        """The importance after the step before."""
        return self._scaled('score')

    @torch.no_grad()
    def observe(self) -> None:
        """Add what the last piece of every way contributed."""
        gradients, last = self._gradients(), self._values.get('last', {})
        for name, gradient in gradients.items():
            if name in last:
                self._values['delta'][name] += gradient * (last[name] - self._parameters[name])
        self._values['last'] = {n: self._parameters[n].detach().clone() for n in gradients}

    @torch.no_grad()
    def finish(self) -> dict[str, Tensor]:
        """The importance, ``score.NAME``."""
        kept = self._kept.get('score', {})
        found = {}
        for name, delta in self._values['delta'].items():
            moved = self._parameters[name] - self._values['start'][name]
            score = (delta / (moved.square() + _EPS)).clamp(min=0)
            found[f'score.{name}'] = score + kept[name] if name in kept else score
        return found
