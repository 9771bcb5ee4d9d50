"""Importing this registers every part of mmseg and of this package; those of mmpretrain wait.

A config names a part of mmpretrain with its scope, at which MMEngine imports it.
"""

import gc

from .utils.imports import absent, put_off
from .utils.quiet import ignore_known_warnings, quiet

ignore_known_warnings()
# of mmseg, OneDLDataset alone asks for mmpretrain and TIMMBackbone for timm, which take seconds
with quiet(), absent('mmpretrain'), put_off('timm'):
    from mmseg.utils import register_all_modules

    register_all_modules()

from . import datasets, engine, evaluation, methods, models  # noqa: E402, F401

# MMEngine collects garbage for every data set that it reads; what was imported is none
gc.freeze()
