"""Versions of what a result depends on."""

import importlib
import importlib.metadata
import platform

_MODULES = ('torch', 'mmengine', 'mmcv', 'mmseg', 'mmpretrain')


def versions() -> dict[str, str]:
    """Name to version of Python, this package, and the packages behind a training."""
    found = {'python': platform.python_version()}
    found |= {name: importlib.import_module(name).__version__ for name in _MODULES}
    return {**found, 'mmseg_incremental': importlib.metadata.version('mmseg-incremental')}
