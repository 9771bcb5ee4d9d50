"""Outputs of named sub-modules during a forward pass."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from ..errors import InputError


@contextmanager
def record_features(model: nn.Module, names: Iterable[str]) -> Iterator[dict[str, Tensor]]:
    """Record what named sub-modules return while the context is open.

    Args:
        model: Module that is run inside the context.
        names: Names of its sub-modules, such as ``'backbone.context_path.arm16'``.

    Yields:
        Name to output; filled by the forward pass.

    Raises:
        InputError: If the model has no sub-module of that name, or if a named one was not run or
            returned no tensor.
    """
    names = list(names)
    features: dict[str, Tensor] = {}
    modules = dict(model.named_modules())
    for name in names:
        if name not in modules:
            children = ', '.join(child for child, _ in model.named_children())
            raise InputError(
                f'the model has no module {name!r}; its top modules are {children}, '
                'and model.named_modules() lists all'
            )
    handles = []
    for name in names:

        def keep(_module: nn.Module, _args: tuple, output: Tensor, name: str = name) -> None:
            features[name] = output

        handles.append(modules[name].register_forward_hook(keep))
    try:
        yield features
        for name in names:
            if not isinstance(features.get(name), Tensor):
                raise InputError(
                    f'module {name!r} gives no tensor in a forward pass; name one that is called '
                    'and returns a tensor, such as a single layer'
                )
    finally:
        for handle in handles:
            handle.remove()
