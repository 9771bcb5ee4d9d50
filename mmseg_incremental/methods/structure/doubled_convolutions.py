"""Convolutions that get a parallel branch, as RCIL has them."""

import re
from collections.abc import Iterator, Mapping
from functools import partial

from mmseg.registry import TASK_UTILS
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ...errors import InputError
from ...models.channels import Channels
from ...models.doubled_convolution import DoubledConvolution, merge_state


@TASK_UTILS.register_module()
class DoubledConvolutions:
    """Put a :class:`DoubledConvolution` in the place of convolutions and their normalisation.

    From step 1 on, the first branch of each is the frozen mean of both branches of the step
    before, and the second goes on learning from its own weights. Weights of the plain network,
    such as those of ImageNet or of another method's step 0, load into both branches.

    Source: Zhang et al., *Representation Compensation Networks for Continual Semantic
    Segmentation*, CVPR 2022, section 3.2; which convolutions, from its code.

    Args:
        residual: Regular expression of the whole names of convolutions, those of residual blocks;
            only what is larger than 1x1 is doubled of them.
        head: Another one, of convolutions that are doubled whatever their size: the maps of an
            ASPP head.
    """

    def __init__(
        self,
        residual: str = r'backbone\.(.+\.)?layer\d+\.\d+\.conv\d+',
        head: str = r'decode_head\.aspp_modules\..+',
    ) -> None:
        self.residual = re.compile(residual)
        self.head = re.compile(head)
        self._places: list[tuple[str, str, str]] = []

    def apply(self, model: nn.Module, channels: Channels) -> None:
        """Change the layers of a model, before it is trained or loaded.

        Args:
            model: The segmentor.
            channels: Channels of the step; without old ones the branches are not merged.

        Raises:
            InputError: If the model has no such convolution with a batch normalisation after it.
        """
        pairs = [pair for pair in _pairs(model) if self._chosen(*pair[:3])]
        if not pairs:
            raise InputError(
                'DoubledConvolutions: the network has no 3x3 convolution with a batch '
                'normalisation in a residual block; choose a ResNet, or set residual to the names '
                'of others'
            )
        for name, parent, conv, norm in pairs:
            doubled = DoubledConvolution(getattr(parent, conv), getattr(parent, norm))
            if channels.num_old:
                doubled.merge()
            setattr(parent, conv, doubled)
            setattr(parent, norm, nn.Identity())
            parent.register_load_state_dict_pre_hook(partial(_double, conv=conv, norm=norm))
            self._places.append((name.removesuffix(conv), conv, norm))

    def carry_over(self, model: nn.Module, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Merge the branches of the step before.

        Args:
            model: The model of this step, after :meth:`apply`.
            state: State of the step before, whose convolutions may be plain; it is not changed.

        Returns:
            The state that this step begins with.
        """
        for prefix, conv, norm in self._places:
            state = dict(state)
            _double(model, state, prefix, conv=conv, norm=norm)
            name = f'{prefix}{conv}'
            state = merge_state(state, f'{name}.', model.get_submodule(name).twin_norm.eps)
        return state

    def _chosen(self, name: str, parent: nn.Module, conv: str) -> bool:
        large = max(getattr(parent, conv).kernel_size) > 1
        return bool(self.residual.fullmatch(name) and large) or bool(self.head.fullmatch(name))


def _pairs(model: nn.Module) -> Iterator[tuple[str, nn.Module, str, str]]:
    """Convolutions that a batch normalisation follows: name, parent, and both within the parent."""
    for path, parent in model.named_modules():
        conv = None
        for name, child in parent.named_children():
            # a normalisation that does more, such as timm's with an activation, is none of these
            plain = (
                isinstance(child, _BatchNorm) and type(child).__module__ == _BatchNorm.__module__
            )
            if plain and conv is not None:
                yield f'{path}.{conv}'.lstrip('.'), parent, conv, name
            conv = name if isinstance(child, nn.Conv2d) and child.bias is None else None


def _double(module: nn.Module, state: dict, prefix: str, *_: object, conv: str, norm: str) -> None:
    """Read the weights of a plain convolution and its normalisation into both branches."""
    if f'{prefix}{conv}.weight' not in state:
        return
    for old, new in ((f'{prefix}{conv}.', 'conv'), (f'{prefix}{norm}.', 'norm')):
        for name in [name for name in state if name.startswith(old)]:
            value, key = state.pop(name), name.removeprefix(old)
            state[f'{prefix}{conv}.{new}.{key}'] = value
            state[f'{prefix}{conv}.twin_{new}.{key}'] = value
