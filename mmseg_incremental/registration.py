"""Importing this registers every part of the mm packages and of this one."""

from .utils.quiet import ignore_known_warnings, quiet

ignore_known_warnings()
with quiet():
    import mmpretrain.models  # noqa: F401  before a config asks for its backbones
    from mmseg.utils import register_all_modules

    register_all_modules()

from . import datasets, engine, evaluation, methods, models  # noqa: E402, F401
