"""The commands, one module each: ``mmseg-incremental NAME`` runs ``main`` of the module NAME.

A module holds the command line, and imports what does the work after it has read the arguments, so
that ``--help`` and a wrong option answer at once. The first line of its docstring is its summary.
"""

from ..utils import early_interrupt  # noqa: F401  first: what a command imports takes seconds
