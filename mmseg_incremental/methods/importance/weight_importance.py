"""What the regularisers share that know how much each weight matters."""

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

_EPS = 1e-8


def normalise(importance: Tensor) -> Tensor:
    """Bring the importance within one tensor to 0 to 1, as MiB's code does.

    Args:
        importance: Any shape.

    Returns:
        (importance - min) / (max - min + 1e-8).

    Example:
        >>> normalise(torch.tensor([1.0, 2.0, 5.0])).tolist()
        [0.0, 0.25, 1.0]
    """
    low, high = importance.min(), importance.max()
    return (importance - low) / (high - low + _EPS)


class WeightImportance:
    r"""A penalty :math:`\lambda \sum_j \Omega_j (\theta_j - \theta^{old}_j)^2` on learning.

    While a step learns, the importance :math:`\Omega` of every weight is recorded from the
    gradients of its losses; the next step pays for changing what was important. Between backward
    and update come, in this order, :meth:`observe`, which sees the gradients of the losses alone,
    and :meth:`pull`, which adds those of the penalty.

    Weights go by their names. All values are kept in dicts of tensors by ``KIND.NAME``, so that
    they can be saved as they are.

    Args:
        weight: Factor :math:`\lambda` of the penalty.
        normalised: Whether the importance is brought to 0 to 1 within every tensor.
    """

    def __init__(self, weight: float, normalised: bool = True) -> None:
        self.weight = weight
        self.normalised = normalised
        self._values: dict[str, dict[str, Tensor]] = {}
        self._importance: dict[str, Tensor] = {}
        self._parameters: dict[str, nn.Parameter] = {}

    @abstractmethod
    def begin(self) -> None:
        """Set up ``_values``, beside ``start``, from the parameters and ``_kept``."""

    @abstractmethod
    def importance(self) -> dict[str, Tensor]:
        """Importance of weights of the step before, by name, from ``_kept``."""

    @abstractmethod
    def observe(self) -> None:
        """Record the gradients of the losses, before weights are updated."""

    @abstractmethod
    def finish(self) -> dict[str, Tensor]:
        """What the next step needs, ``KIND.NAME`` to tensor."""

    def start(
        self,
        model: nn.Module,
        kept: Mapping[str, Tensor],
        state: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Begin a step, or go on with it.

        Args:
            model: The model, with the weights that the step begins with unless it goes on.
            kept: What :meth:`finish` gave after the step before; empty at step 0.
            state: What :meth:`state` gave where the step was interrupted.
        """
        self._parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self._kept = _by_kind(kept, self._parameters)
        self._importance = {
            name: value for name, value in self.importance().items() if name in self._parameters
        }
        if state is not None:
            self._values = _by_kind(state, self._parameters)
            return
        self._values = {'start': self._copies()}
        self.begin()

    def state(self) -> dict[str, Tensor]:
        """What an interrupted step needs to go on, ``KIND.NAME`` to tensor."""
        return _flat(self._values)

    @torch.no_grad()
    def pull(self, largest: float = float('inf')) -> None:
        r"""Add the gradient of the penalty, :math:`2 \lambda \Omega (\theta - \theta^{old})`.

        Args:
            largest: Bound of :math:`2 \lambda \Omega`. With 1 / learning rate one update reaches
                the old weight and does not jump beyond it; in the authors' recipe (0.001, weight
                500) that bound is just not touched.
        """
        for name, importance in self._importance.items():
            parameter = self._parameters[name]
            if parameter.grad is not None:
                factor = (2 * self.weight * importance).clamp(max=largest)
                parameter.grad += factor * (parameter - self._values['start'][name])

    @torch.no_grad()
    def penalty(self) -> Tensor:
        """The penalty itself, a scalar."""
        terms = [
            (importance * (self._parameters[name] - self._values['start'][name]).square()).sum()
            for name, importance in self._importance.items()
        ]
        return self.weight * sum(terms, torch.zeros(()))

    def _scaled(self, kind: str) -> dict[str, Tensor]:
        """Values that were kept, normalised if they are to be."""
        kept = self._kept.get(kind, {})
        return {name: normalise(v) if self.normalised else v for name, v in kept.items()}

    def _copies(self) -> dict[str, Tensor]:
        return {name: p.detach().clone() for name, p in self._parameters.items()}

    def _gradients(self) -> dict[str, Tensor]:
        found = {name: p.grad for name, p in self._parameters.items()}
        return {name: gradient for name, gradient in found.items() if gradient is not None}

    def _kept_or(self, kind: str, value: float) -> dict[str, Tensor]:
        """Values that were kept; of new weights, those filled with a number."""
        kept = self._kept.get(kind, {})
        return {
            name: kept[name].clone() if name in kept else torch.full_like(p, value).detach()
            for name, p in self._parameters.items()
        }


def _flat(values: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {f'{kind}.{n}': value for kind, named in values.items() for n, value in named.items()}


def _by_kind(
    values: Mapping[str, Tensor], parameters: Mapping[str, nn.Parameter]
) -> dict[str, dict[str, Tensor]]:
    """Values by kind and name, of the parameters that there are and where these are."""
    found: dict[str, dict[str, Tensor]] = {}
    for key, value in values.items():
        kind, _, name = key.partition('.')
        if name in parameters:
            found.setdefault(kind, {})[name] = value.to(parameters[name].device)
    return found
