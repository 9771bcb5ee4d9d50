"""Decode heads of this package; a file in this folder registers its head."""

from ...utils.imports import import_modules

import_modules(__name__, __path__)
