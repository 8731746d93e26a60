"""What a request is let in with, although the contract promised otherwise: named, counted, clipped where it says so."""

from collections.abc import Collection, Mapping, MutableMapping, Sequence
from math import ceil, floor
from typing import Any, Literal, NamedTuple

import numpy as np

from headgate.contract.request import words
from headgate.specs.contract import Column, Contract

FEW = 16
"""Values that a loop looks through before an array is made."""

Kind = Literal["below", "above", "unseen"]


class Notice(NamedTuple):
    """One thing about one input of a request that is answered all the same."""

    input: str
    kind: Kind
    level: Literal["clip", "flag"]
    values: int
    """How many of the input's values."""


class Watch:
    """Looks for one contract; made once, as it is asked for every request."""

    def __init__(self, contract: Contract) -> None:
        judged = [(name, column) for name, column in contract.columns.items() if column.role not in ("label", "ignore")]
        self.ranges = [(name, *bounds(column), column.at_the_door) for name, column in judged if has_soft_range(column)]
        self.words = [
            (name, words(column.categories))
            for name, column in judged
            if column.categories is not None and column.unseen == "warning"
        ]

    def look(self, columns: MutableMapping[str, Any], kept: Collection[str] = ()) -> list[Notice]:
        """Return what there is to say about a request's columns, and replace those that are clipped.

        `kept` are those known to be inside their ranges.
        """
        found: list[Notice] = []
        for name, low, high, level in self.ranges:
            if name in columns and name not in kept:
                values = columns[name]
                below, above = outside(values, low, high)
                if below or above:
                    found += told(name, level, below, above)
                    if level == "clip":
                        columns[name] = clipped(values, low, high)
        found += [
            Notice(name, "unseen", "flag", count)
            for name, known in self.words
            if (count := unseen(columns, name, known))
        ]
        return found


def has_soft_range(column: Column) -> bool:
    is_number = column.type in {"integer", "number"}
    return is_number and column.at_the_door != "reject" and not (column.min is None and column.max is None)


def bounds(column: Column) -> tuple[float, float]:
    """Return a column's range in its own type, infinite where it is open.

    >>> bounds(Column(type="integer", min=0.5))
    (1, inf)
    """
    whole = column.type == "integer"
    low = float("-inf") if column.min is None else ceil(column.min) if whole else float(column.min)
    high = float("inf") if column.max is None else floor(column.max) if whole else float(column.max)
    return low, high


def outside(values: Sequence[Any], low: float, high: float) -> tuple[int, int]:
    """Return how many values are below and above; null and NaN are neither.

    >>> outside([1, 5, None, 9.5, float("nan")], 2, 9)
    (1, 1)
    """
    if len(values) <= FEW:
        known = [value for value in values if value is not None]
        return sum(value < low for value in known), sum(value > high for value in known)
    numbers = np.asarray(values, dtype=np.float64)
    return int(np.count_nonzero(numbers < low)), int(np.count_nonzero(numbers > high))


def told(name: str, level: Any, below: int, above: int) -> list[Notice]:
    counts: tuple[tuple[Kind, int], ...] = (("below", below), ("above", above))
    return [Notice(name, kind, level, count) for kind, count in counts if count]


def clipped(values: Sequence[Any], low: float, high: float) -> list[Any]:
    """Return the values with the nearest bound for those outside.

    >>> clipped([1, 5, None], 2, 9)
    [2, 5, None]
    """
    return [value if value is None else low if value < low else min(value, high) for value in values]


def unseen(columns: Mapping[str, Sequence[Any]], name: str, known: frozenset[str]) -> int:
    """Return how many of an input's values are none of the contract's words."""
    values = columns.get(name, ())
    return 0 if known.issuperset(values) else sum(value is not None and value not in known for value in values)
