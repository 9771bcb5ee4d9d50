"""Tensors inside a model during a forward pass, by the names of taps."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ..errors import InputError

#: Taps that every segmentor has, by the place that they stand for.
_ALIASES = {
    'stages': 'backbone',
    'head': 'decode_head.conv_seg:input',
    'classifier': 'decode_head.conv_seg:weight',
    'logits': 'decode_head',
}
#: Taps that are lists of maps.
_STAGES = ('stages', 'stage_outputs')


@contextmanager
def record_taps(
    model: nn.Module, taps: Iterable[str]
) -> Iterator[dict[str, Tensor | list[Tensor]]]:
    """Record what passes through named places of a model while the context is open.

    A tap is one of

    - ``NAME``: what the sub-module of that name returns;
    - ``NAME:input``: what it is given, as it was before any layer changed it in place;
    - ``NAME:weight``: the weight that it has when it is called;
    - ``stages``: everything that the backbone returns, as a list of tensors;
    - ``stage_outputs``: the same after the last activation of each stage, where ``model.taps`` has
      ``stages`` before it;
    - ``head``: the features that the classifier of the decode head is given, before dropout;
    - ``classifier``: the weight of the decode head's classifier, of all channels;
    - ``logits``: what the decode head returns;
    - a key of the mapping ``model.taps``, where the model has one: a list of tensors, one for each
      place that it lists. It may give ``stages`` another meaning.

    In a dotted name ``-1`` stands for the last child, as in ``backbone.layer1.-1.relu:input``.
    Of a module that is called several times the last call counts.

    Args:
        model: Segmentor that is run inside the context.
        taps: Names of taps.

    Yields:
        Tap to tensor, or to list of tensors; filled when the context is left without an error.

    Raises:
        InputError: If the model has no such module, if it was not run or gave no tensor, or if
            an output was changed in place after it was recorded.
    """
    own = getattr(model, 'taps', None) or {}
    places = {tap: _places(model, tap) for tap in taps}
    records = {name: _Record(name, model) for names in places.values() for name in names}
    recorded: dict[str, Tensor | list[Tensor]] = {}
    handles: list[RemovableHandle] = []
    try:
        handles.extend(record.register() for record in records.values())
        yield recorded
        for tap, names in places.items():
            if tap in _STAGES and names == ['backbone']:
                recorded[tap] = records['backbone'].tensors()
            elif tap in own or tap in _STAGES:
                recorded[tap] = [records[name].tensor() for name in names]
            else:
                recorded[tap] = records[names[0]].tensor()
    finally:
        for handle in handles:
            handle.remove()


def tapped_modules(model: nn.Module, taps: Iterable[str]) -> set[str]:
    """Names, as ``named_modules`` has them, of the modules whose output or input taps record.

    Args:
        model: Segmentor.
        taps: Names of taps, as in :func:`record_taps`.

    Raises:
        InputError: If the model has no such module.
    """
    names = {place.partition(':')[0] for tap in taps for place in _places(model, tap)}
    return {_find(model, name)[0] for name in names}


def _places(model: nn.Module, tap: str) -> list[str]:
    own = getattr(model, 'taps', None) or {}
    if tap == 'head' and tap not in own and getattr(model.decode_head, 'dropout', None):
        return ['decode_head.dropout:input']  # features are compared before some are dropped
    if tap == 'stage_outputs' and tap not in own:
        # a block returns what its last activation makes of the input that is tapped
        stages = own.get('stages') or ['backbone']
        return [re.sub(r'\.\w+:input$', '', place) for place in stages]
    return own.get(tap) or [_ALIASES.get(tap, tap)]


class _Record:
    """What one place gave last."""

    def __init__(self, place: str, model: nn.Module) -> None:
        self.name, _, kind = place.partition(':')
        if kind not in ('', 'input', 'weight'):
            raise InputError(f'tap {place!r}: after the colon only "input" or "weight" may follow')
        self.kind = kind
        _, self.module = _find(model, self.name)
        self.value: object = None
        self.versions: list[int] = []

    def register(self) -> RemovableHandle:
        """Record from now on."""
        if self.kind == 'input':
            return self.module.register_forward_pre_hook(self._keep_input)
        keep = self._keep_weight if self.kind == 'weight' else self._keep_output
        return self.module.register_forward_hook(keep)

    def _keep_input(self, _module: nn.Module, args: tuple) -> None:
        value = args[0] if args else None
        # a copy, since activations mostly work in place
        self.value = value.clone() if isinstance(value, Tensor) else value

    def _keep_output(self, _module: nn.Module, _args: tuple, output: object) -> None:
        self.value = output
        self.versions = [_version(tensor) for tensor in _as_list(output)]

    def _keep_weight(self, module: nn.Module, _args: tuple, _output: object) -> None:
        merged = getattr(module, 'merged_weight', None)
        self.value = merged() if merged else getattr(module, 'weight', None)

    def tensor(self) -> Tensor:
        """The tensor that was recorded."""
        if not isinstance(self.value, Tensor):
            what = {'input': 'is given', 'weight': 'has as its weight', '': 'gives'}[self.kind]
            raise InputError(
                f'module {self.name!r} {what} no tensor in a forward pass; name one that is '
                'called and that takes and returns a tensor, such as a single layer'
            )
        return self.tensors()[0]

    def tensors(self) -> list[Tensor]:
        """The tensors that were recorded, of a module that returns several."""
        values = _as_list(self.value)
        if not values or not all(isinstance(value, Tensor) for value in values):
            raise InputError(
                f'module {self.name!r} gives no list of tensors in a forward pass; list the '
                'modules to record in the taps of the model'
            )
        if self.versions and self.versions != [_version(value) for value in values]:
            raise InputError(
                f'the output of module {self.name!r} is changed in place by the layer after it; '
                "name that layer's input, as in 'backbone.layer4.-1.relu:input'"
            )
        return values


def _as_list(value: object) -> list:
    return list(value) if isinstance(value, (tuple, list)) else [value]


def _version(value: object) -> int:
    """Number of changes in place; tensors of inference mode do not count theirs."""
    return value._version if isinstance(value, Tensor) and not value.is_inference() else 0


def _find(model: nn.Module, name: str) -> tuple[str, nn.Module]:
    """A module and its name without ``-1``."""
    module, path = model, []
    for part in name.split('.'):
        children = {key: child for key, child in module._modules.items() if child is not None}
        key = next(reversed(children), None) if part == '-1' else part
        if key not in children:
            top = ', '.join(child for child, _ in model.named_children())
            raise InputError(
                f'the model has no module {name!r}; its top modules are {top}, '
                'and model.named_modules() lists all'
            )
        module = children[key]
        path.append(key)
    return '.'.join(path), module
