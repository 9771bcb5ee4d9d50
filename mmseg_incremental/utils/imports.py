"""Which modules are imported, and when."""

import importlib
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from types import ModuleType


def import_modules(package: str, path: Iterable[str]) -> None:
    """Import every module and package below a package, so that a new file registers itself.

    Args:
        package: Its ``__name__``.
        path: Its ``__path__``.
    """
    for module in pkgutil.walk_packages(path, f'{package}.'):
        importlib.import_module(module.name)


@contextmanager
def absent(name: str) -> Iterator[None]:
    """Let a package seem not to be installed, for code that can do without it.

    Args:
        name: A package; one that is imported stays.
    """
    with _instead_of(name, None):
        yield


@contextmanager
def put_off(name: str) -> Iterator[None]:
    """Let what is imported meanwhile import a package only when it asks for something of it.

    Args:
        name: A package that ``import NAME`` is written for, and no part of it; one that is
            imported, or not installed, is left as it is.
    """
    with _instead_of(name, _PutOff(name)) if find_spec(name) else nullcontext():
        yield


class _PutOff(ModuleType):
    """Stands for a module that nothing was asked of yet."""

    def __getattr__(self, name: str) -> object:
        # what a module says of itself is asked of all modules, by ``inspect`` for one
        if name.startswith('__'):
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def _instead_of(name: str, module: ModuleType | None) -> Iterator[None]:
    if name in sys.modules:
        yield
        return
    sys.modules[name] = module
    try:
        yield
    finally:
        del sys.modules[name]
