"""A classifier that grows by one 1x1 convolution per step."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class IncrementalClassifier(nn.ModuleList):
    """One 1x1 convolution per step, run and stored as a single merged convolution.

    It stands in for the ``conv_seg`` of a decode head. Its parameters are one weight and one
    bias per step; its ``state_dict`` holds ``weight`` and ``bias`` of the merged convolution, so
    that a head without steps loads it. Loading fills whole steps: the state of an earlier step
    leaves exactly the later steps' parameters missing.

    Args:
        in_channels: Channels of the features.
        classes_per_step: Channels that each step adds; the first counts the background.

    Raises:
        ValueError: If a step adds no channel.
    """

    def __init__(self, in_channels: int, classes_per_step: Sequence[int]) -> None:
        sizes = list(classes_per_step)
        if not sizes or min(sizes) < 1:
            raise ValueError(f'every step must add at least one channel, got {sizes}')
        super().__init__(nn.Conv2d(in_channels, size, kernel_size=1) for size in sizes)
        self.register_state_dict_post_hook(_merge)
        self.register_load_state_dict_pre_hook(_split)

    @property
    def classes_per_step(self) -> list[int]:
        """Channels that each step adds."""
        return [conv.out_channels for conv in self]

    def forward(self, features: Tensor) -> Tensor:
        """Classify every pixel.

        Args:
            features: Shape (N, C, H, W), C feature channels.

        Returns:
            Logits of shape (N, K, H, W), K the channels of all steps.
        """
        weight = torch.cat([conv.weight for conv in self])
        bias = torch.cat([conv.bias for conv in self])
        return F.conv2d(features, weight, bias)

    def new_parameter_names(self) -> set[str]:
        """Names, below this module, of the parameters that the last step adds."""
        return {f'{len(self) - 1}.weight', f'{len(self) - 1}.bias'}


def _merge(module: IncrementalClassifier, state: dict, prefix: str, _: Mapping) -> None:
    for kind in ('weight', 'bias'):
        parts = [state.pop(f'{prefix}{step}.{kind}') for step in range(len(module))]
        state[f'{prefix}{kind}'] = torch.cat(parts)


def _split(module: IncrementalClassifier, state: dict, prefix: str, *_: object) -> None:
    for kind in ('weight', 'bias'):
        if not isinstance(state.get(f'{prefix}{kind}'), Tensor):
            continue  # PyTorch says what is missing or wrong
        rows = list(state.pop(f'{prefix}{kind}').split(1))
        for step, size in enumerate(module.classes_per_step):
            taken, rows = rows[:size], rows[size:]
            if taken and step == len(module) - 1:
                taken, rows = taken + rows, []
            if taken:
                state[f'{prefix}{step}.{kind}'] = torch.cat(taken)
