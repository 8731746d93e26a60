"""Do many columns of numbers keep the contract at once? A yes is certain; of a no, others find the words.

Those are `request.check`, and `watch` for what is let in all the same.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from headgate.specs.contract import Bound, Column

LARGEST = float(np.finfo(np.float64).max)
LARGEST_SINGLE = float(np.finfo(np.float32).max)


class Numbers:
    """The promises of some columns of type `number`, made for one comparison of them all."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        bounds = [bounds_of(column) for column in columns.values()]
        self.names = tuple(columns)
        self._low = np.array([[low] for low, _ in bounds], dtype=np.float64)
        self._high = np.array([[high] for _, high in bounds], dtype=np.float64)
        self._nullable = np.array([[column.nulls > 0] for column in columns.values()], dtype=np.bool_)
        self._any_nullable = bool(self._nullable.any())

        self.are_small = all(-LARGEST_SINGLE <= low <= high <= LARGEST_SINGLE for low, high in bounds)
        """What is kept fits float32."""

    def keep(self, values: NDArray[np.float64]) -> bool:
        """Say whether values (columns, rows), NaN where one is missing, certainly keep to all bounds, watched ones too.

        >>> Numbers({"seats": Column(type="number", max=8)}).keep(np.array([[1.0, 8.0]]))
        True
        """
        inside = (values >= self._low) & (values <= self._high)
        if inside.all():
            return True
        return self._any_nullable and bool((inside | (np.isnan(values) & self._nullable)).all())


def bounds_of(column: Column) -> tuple[float, float]:
    """Return the smallest and largest number that nothing need be said about; infinity is never one."""
    low = -LARGEST if column.min is None else -inner(-column.min)
    return low, LARGEST if column.max is None else inner(column.max)


def inner(bound: Bound) -> float:
    """Return the largest finite float that is no larger than an upper bound.

    >>> inner(8), inner(10**400) == LARGEST, int(inner(2**60 - 1)) < 2**60
    (8.0, True, True)
    """
    if bound >= LARGEST:
        return LARGEST
    near = max(float(bound), -LARGEST) if bound > -LARGEST else -LARGEST
    return math.nextafter(near, -math.inf) if near > bound else near
