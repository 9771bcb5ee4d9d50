"""The parts of a method, one file each, in a folder for each moment at which they act."""

from ..utils.imports import import_modules

import_modules(__name__, __path__)
