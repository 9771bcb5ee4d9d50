"""How fast the package is, side by side with plain references."""

from mmseg_incremental import registration  # noqa: F401  also in the processes of the rows
