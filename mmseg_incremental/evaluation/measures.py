"""What is derived from the IoU of classes after each step."""

from collections.abc import Sequence


def forgetting(values: Sequence[float | None]) -> float | None:
    """Best earlier value minus the last, of one class.

    Source: Chaudhry et al., *Riemannian Walk for Incremental Learning*, ECCV 2018, section 4.2.

    Args:
        values: IoU (%) after each step, None where there is none.

    Returns:
        Percentage points forgotten, negative for a gain; None without an earlier or a last value.

    Example:
        >>> forgetting([60.0, 65.0, 40.0])
        25.0
    """
    earlier = [value for value in values[:-1] if value is not None]
    if not earlier or values[-1] is None:
        return None
    return max(earlier) - values[-1]


def average(values: Sequence[float | None]) -> float | None:
    """Mean of the values that are there, or None."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def harmonic_mean(old: float | None, new: float | None) -> float | None:
    """Harmonic mean of old and new classes' mIoU (hIoU), which is low if either is.

    Args:
        old: mIoU (%) of the old classes.
        new: mIoU (%) of the new classes.

    Returns:
        Percentage; None without one of them.

    Example:
        >>> harmonic_mean(60.0, 30.0)
        40.0
    """
    if old is None or new is None:
        return None
    return 2 * old * new / (old + new) if old + new else 0.0
