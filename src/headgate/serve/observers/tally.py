"""What was counted until now, a day at a time: plain arrays that grow, profiles only when somebody asks."""

import numpy as np
from numpy.typing import NDArray

from headgate.drift.sketch import SketchDay
from headgate.serve.observers.bins import Bins
from headgate.serve.observers.counting import Counted, profile_of
from headgate.stats.profile import UNSEEN_NAMES, cells


class Tally:
    """Counted rows by column and cell."""

    def __init__(self) -> None:
        self.rows = 0
        self.cells: dict[str, NDArray[np.int64]] = {}
        self.unseen: dict[str, tuple[str, ...]] = {}

    def add(self, rows: int, columns: list[Counted], group: int) -> None:
        """Add one group of counted rows."""
        self.rows += rows
        for name, found, unseen in columns:
            self.grow(name, found[group], unseen.get(group, set()))

    def grow(self, name: str, found: NDArray[np.int64], unseen: set[str]) -> None:
        self.cells[name] = self.cells[name] + found if name in self.cells else found
        if unseen:
            self.unseen[name] = tuple(sorted(unseen.union(self.unseen.get(name, ())))[:UNSEEN_NAMES])

    def merge(self, other: "Tally") -> None:
        """Add all that another one counted."""
        self.rows += other.rows
        for name, found in other.cells.items():
            self.grow(name, found, set(other.unseen.get(name, ())))

    def day(self, day: str, bins: Bins) -> SketchDay:
        """Return it as a day of a sketch."""
        columns = {
            name: profile_of(self.cells[name], self.unseen.get(name, ()), empty)
            for name, empty in bins.items()
            if name in self.cells
        }
        return SketchDay(day=day, rows=self.rows, columns=columns)


def nothing(bins: Bins) -> Tally:
    """Return a tally of no rows that has every column."""
    tally = Tally()
    tally.cells = {name: cells(empty) for name, empty in bins.items()}
    return tally
