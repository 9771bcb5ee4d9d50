"""What a comparison of methods is expected to show, written down before it is run."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..evaluation.spread import Spread
from .method_comparison import JOINT, MethodResult


@dataclass(frozen=True)
class AtMost:
    """A column of a method stays below a value.

    Args:
        method: Its label.
        column: The column.
        value: Percentage.
    """

    method: str
    column: str
    value: float

    def answer(self, results: Mapping[str, MethodResult]) -> str:
        """Say whether it does."""
        ours = _spread(results, self.method, self.column)
        wanted = f'{self.method}, {self.column} at most {self.value:g}'
        return _verdict(wanted, str(ours), None if ours.mean is None else ours.mean <= self.value)


@dataclass(frozen=True)
class AtLeastShare:
    """A method reaches a share of what another value is.

    Args:
        method: Its label.
        column: The column.
        share: Between 0 and 1.
        of: Label of the other method; left out, it is the method's own step 0 (old classes).
    """

    method: str
    column: str
    share: float
    of: str | None = None

    def answer(self, results: Mapping[str, MethodResult]) -> str:
        """Say whether it does."""
        ours = _spread(results, self.method, self.column)
        if self.of:
            other, name = _spread(results, self.of, self.column), self.of
        else:
            first = results[self.method].step_0 if self.method in results else ()
            other, name = Spread.of(first), 'step 0'
        wanted = f'{self.method}, {self.column} at least {self.share:.0%} of {name}'
        if ours.mean is None or not other.mean:
            return _verdict(wanted, 'not measured', None)
        reached = ours.mean / other.mean
        return _verdict(wanted, f'{ours} of {other}, {reached:.0%}', reached >= self.share)


@dataclass(frozen=True)
class Order:
    """A column rises from rank to rank, by more than the spread over seeds.

    Args:
        column: The column.
        ranks: Labels, as groups of equals.
    """

    column: str
    ranks: Sequence[Sequence[str]]

    def answer(self, results: Mapping[str, MethodResult]) -> str:
        """Say whether it does, and which pairs do not."""
        wanted = f'{self.column}: ' + ' < '.join(', '.join(rank) for rank in self.ranks)
        failing = []
        for lower, upper in itertools.pairwise(self.ranks):
            for low, high in itertools.product(lower, upper):
                one, other = (_spread(results, name, self.column) for name in (low, high))
                if one.mean is None or other.mean is None:
                    return _verdict(wanted, 'not measured', None)
                spread = math.hypot(one.deviation or 0, other.deviation or 0)
                if not other.mean - one.mean > spread:
                    gap = other.mean - one.mean
                    failing.append(f'{high} - {low} is {gap:+.2f}, the spread {spread:.2f}')
        return _verdict(wanted, '; '.join(failing) or 'every step exceeds the spread', not failing)


Criterion = AtMost | AtLeastShare | Order
#: Expected of every comparison: forgetting without a method, keeping and learning with MiB.
EXPECTED: tuple[Criterion, ...] = (
    AtMost('FT', 'old', 5.0),
    AtLeastShare('MiB', 'old', 0.8),
    AtLeastShare('MiB', 'new', 0.5, of=JOINT),
    Order('new', [['not trained'], ['MiB']]),
    Order('all', [['FT'], ['LwF', 'ILT'], ['MiB'], [JOINT]]),
)


def answers(criteria: Sequence[Criterion], results: Sequence[MethodResult]) -> list[str]:
    """Answer every criterion.

    Args:
        criteria: The criteria.
        results: What the methods reached.

    Returns:
        One sentence each.
    """
    by_label = {result.label: result for result in results}
    return [criterion.answer(by_label) for criterion in criteria]


def _spread(results: Mapping[str, MethodResult], method: str, column: str) -> Spread:
    return results[method].spread(column) if method in results else Spread.of(())


def _verdict(wanted: str, found: str, holds: bool | None) -> str:
    word = {True: 'HOLDS', False: 'FAILS', None: 'OPEN'}[holds]
    return f'{word}: {wanted} ({found})'
