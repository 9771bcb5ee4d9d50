"""Importing all modules of a package, so that a new file registers itself."""

import importlib
import pkgutil
from collections.abc import Iterable


def import_modules(package: str, path: Iterable[str]) -> None:
    """Import every module and package below a package.

    Args:
        package: Its ``__name__``.
        path: Its ``__path__``.
    """
    for module in pkgutil.walk_packages(path, f'{package}.'):
        importlib.import_module(module.name)
