"""Which modules are imported, and when."""

import importlib
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


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
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None
    try:
        yield
    finally:
        del sys.modules[name]
