"""Mean and standard deviation over seeds."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation of a value over seeds.

    Args:
        mean: The mean, or None without a value.
        deviation: The standard deviation, or None with fewer than two values.
        number: Number of values.
        worst: The smallest value.
    """

    mean: float | None
    deviation: float | None
    number: int
    worst: float | None = None

    @classmethod
    def of(cls, values: Sequence[float | None]) -> 'Spread':
        """Spread of the values that are there.

        Example:
            >>> Spread.of([1.0, 3.0, None])
            Spread(mean=2.0, deviation=1.4142135623730951, number=2, worst=1.0)
        """
        known = [value for value in values if value is not None]
        mean = statistics.fmean(known) if known else None
        deviation = statistics.stdev(known) if len(known) > 1 else None
        return cls(mean, deviation, len(known), min(known, default=None))

    def __str__(self) -> str:
        if self.mean is None:
            return '-'
        return f'{self.mean:.2f}' + ('' if self.deviation is None else f' ± {self.deviation:.2f}')
