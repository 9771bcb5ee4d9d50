"""Riemannian walk (RW): Fisher information, and the way of every weight measured by it."""

from collections.abc import Mapping

import torch
from mmseg.registry import TASK_UTILS
from torch import Tensor, nn

from .weight_importance import WeightImportance

_EPS = 1e-8


@TASK_UTILS.register_module()
class RiemannianWalk(WeightImportance):
    r"""Importance by Fisher information plus a score of the way of every weight.

    The Fisher information F is a running mean, see
    :class:`~.elastic_weights.ElasticWeights`. At every n-th update :math:`s \leftarrow s + g\,
    (\theta' - \theta) / (\frac{1}{2} F (\theta - \theta')^2 + 10^{-8})`, :math:`\theta'` the weight
    n updates before. After the step the score is :math:`\max(0, s)`, and from the second step on
    its mean with the one before. The penalty has the sum of both, each normalised.

    Source: Chaudhry et al., *Riemannian Walk for Incremental Learning*, ECCV 2018, in the form of
    MiB's code (Cermelli et al., CVPR 2020).

    Args:
        weight: Factor of the penalty; 100 in MiB's code.
        alpha: Share of the newest gradients in F; 0.9 there.
        interval: Number n of updates between scores; 10 there.
        normalised: Whether both are brought to 0 to 1 within every tensor.
    """

    def __init__(
        self,
        weight: float = 100.0,
        alpha: float = 0.9,
        interval: int = 10,
        normalised: bool = True,
    ) -> None:
        super().__init__(weight, normalised)
        self.alpha = alpha
        self.interval = interval

    def begin(self) -> None:
        """Go on from the Fisher information that is known, and begin every way anew."""
        self._values['fisher'] = self._kept_or('fisher', 1.0)
        self._values['score'] = {n: torch.zeros_like(p) for n, p in self._values['start'].items()}
        self._count = 0

    def start(
        self,
        model: nn.Module,
        kept: Mapping[str, Tensor],
        state: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Begin a step, or go on with it; see :meth:`~.WeightImportance.start`."""
        super().start(model, kept, state)
        if state is not None:
            self._count = int(state['count'])

    def state(self) -> dict[str, Tensor]:
        """What an interrupted step needs to go on, ``KIND.NAME`` to tensor, and the ``count``."""
        return {**super().state(), 'count': torch.tensor(self._count)}

    def importance(self) -> dict[str, Tensor]:
        """Fisher information and score after the step before."""
        fisher, score = self._scaled('fisher'), self._scaled('score')
        return {name: value + score[name] for name, value in fisher.items() if name in score}

    @torch.no_grad()
    def observe(self) -> None:
        """Take the gradients into the running mean, and score the way at every n-th update."""
        values, last = self._values, self._values.setdefault('last', {})
        for name, gradient in self._gradients().items():
            weight, fisher = self._parameters[name].detach(), values['fisher'][name]
            if self._count % self.interval == 0:
                if name in last:
                    way = last[name] - weight
                    values['score'][name] += gradient * way / (0.5 * fisher * way.square() + _EPS)
                last[name] = weight.clone()
            fisher.lerp_(gradient.square(), self.alpha)
        self._count += 1

    def finish(self) -> dict[str, Tensor]:
        """Fisher information and score, ``fisher.NAME`` and ``score.NAME``."""
        kept = self._kept.get('score', {})
        found = {f'fisher.{name}': value for name, value in self._values['fisher'].items()}
        for name, score in self._values['score'].items():
            score = score.clamp(min=0)
            found[f'score.{name}'] = (score + kept[name]) / 2 if name in kept else score
        return found
