"""A classifier that grows by one 1x1 convolution per step."""

from collections.abc import Collection, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class IncrementalClassifier(nn.ModuleList):
    """One 1x1 convolution per step, run and stored as a single merged convolution.

    It stands in for the ``conv_seg`` of a decode head. Its parameters are one weight and one
    bias per step; its ``state_dict`` holds ``weight`` and ``bias`` of the merged convolution, so
    that a head without steps loads it. Loading fills whole steps: the state of an earlier step
    leaves exactly the later steps' parameters missing.

    Channels beside the classes come last in the logits and have a convolution of their own, with
    the keys ``extra.NAME.weight`` and ``extra.NAME.bias``. Those named as a step's number are that
    step's classifier, allocated before its time: loading moves them into the step.

    As a sequence it holds the convolutions of the steps.

    Attributes:
        detached: Names of extra channels that pass no gradient to the features, so that their
            losses train nothing but their own convolution.

    Args:
        in_channels: Channels of the features.
        classes_per_step: Channels that each step adds; the first counts the background.
        extra: Number of channels by name, beside the classes.

    Raises:
        ValueError: If a step or a name adds no channel.
    """

    detached: frozenset[str] = frozenset()

    def __init__(
        self,
        in_channels: int,
        classes_per_step: Sequence[int],
        extra: Mapping[str, int] | None = None,
    ) -> None:
        sizes, beside = list(classes_per_step), dict(extra or {})
        if not sizes or min(sizes) < 1:
            raise ValueError(f'every step must add at least one channel, got {sizes}')
        if min(beside.values(), default=1) < 1:
            raise ValueError(f'every name must have at least one extra channel, got {beside}')
        super().__init__(nn.Conv2d(in_channels, size, kernel_size=1) for size in sizes)
        self.in_channels = in_channels
        if beside:
            self.extra = nn.ModuleDict(
                {name: nn.Conv2d(in_channels, size, kernel_size=1) for name, size in beside.items()}
            )
        self.register_state_dict_post_hook(_merge)
        self.register_load_state_dict_pre_hook(_split)

    def __len__(self) -> int:
        return len(self._modules) - ('extra' in self._modules)

    def __iter__(self) -> Iterator[nn.Conv2d]:
        return (self._modules[str(step)] for step in range(len(self)))

    @property
    def classes_per_step(self) -> list[int]:
        """Channels that each step adds."""
        return [conv.out_channels for conv in self]

    @property
    def num_classes(self) -> int:
        """Number of channels that are classes, background included."""
        return sum(self.classes_per_step)

    @property
    def extra_channels(self) -> dict[str, int]:
        """Number of channels by name, beside the classes, in the order of the logits."""
        extra = self._modules.get('extra', {})
        return {name: conv.out_channels for name, conv in extra.items()}

    def forward(self, features: Tensor) -> Tensor:
        """Classify every pixel.

        Args:
            features: Shape (N, F, H, W), F feature channels.

        Returns:
            Logits of shape (N, C + E, H, W): the C classes of all steps, then E extra channels.
        """
        extra = self._modules.get('extra', {})
        alone = {n: conv(features.detach()) for n, conv in extra.items() if n in self.detached}
        convs = [*self, *(conv for name, conv in extra.items() if name not in alone)]
        weight = torch.cat([conv.weight for conv in convs])
        bias = torch.cat([conv.bias for conv in convs])
        logits = F.conv2d(features, weight, bias)
        if not alone:
            return logits
        sizes = [self.num_classes, *(conv.out_channels for conv in convs[len(self) :])]
        classes, *others = logits.split(sizes, 1)
        rest = iter(others)
        beside = [alone[name] if name in alone else next(rest) for name in extra]
        return torch.cat([classes, *beside], 1)

    def merged_weight(self) -> Tensor:
        """Weight (C + E, F, 1, 1) of all channels, in the order of the logits."""
        extra = self._modules.get('extra', {})
        return torch.cat([conv.weight for conv in (*self, *extra.values())])

    def new_parameter_names(self, loaded: Collection[str] = ()) -> set[str]:
        """Names, below this module, of the parameters that the step before does not hold.

        Args:
            loaded: Keys, below this module, of the state of the step before. Extra channels that
                it holds are no longer new, and neither is the last step if it holds extra
                channels of that number.

        Returns:
            Exactly the parameters that loading this state leaves as they are.
        """
        last = len(self) - 1
        names = set()
        for kind in ('weight', 'bias'):
            names |= {f'extra.{name}.{kind}' for name in self.extra_channels} - set(loaded)
            if f'extra.{last}.{kind}' not in loaded:
                names.add(f'{last}.{kind}')
        return names


def _merge(module: IncrementalClassifier, state: dict, prefix: str, _: Mapping) -> None:
    for kind in ('weight', 'bias'):
        parts = [state.pop(f'{prefix}{step}.{kind}') for step in range(len(module))]
        state[f'{prefix}{kind}'] = torch.cat(parts)


def _split(module: IncrementalClassifier, state: dict, prefix: str, *_: object) -> None:
    last = len(module) - 1
    for kind in ('weight', 'bias'):
        if not isinstance(state.get(f'{prefix}{kind}'), Tensor):
            continue  # PyTorch says what is missing or wrong
        rows = list(state.pop(f'{prefix}{kind}').split(1))
        for step, size in enumerate(module.classes_per_step):
            taken, rows = rows[:size], rows[size:]
            if taken and step == last:
                taken, rows = taken + rows, []
            if taken:
                state[f'{prefix}{step}.{kind}'] = torch.cat(taken)
        allocated = f'{prefix}extra.{last}.{kind}'
        if f'{prefix}{last}.{kind}' not in state and allocated in state:
            state[f'{prefix}{last}.{kind}'] = state.pop(allocated)
