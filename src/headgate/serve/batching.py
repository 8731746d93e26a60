"""Many small requests as one: what answers nobody is computed a thousand rows at a time."""

from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from headgate.models.loading import Predictions
from headgate.serve.door import Admitted, Lists
from headgate.specs.contract import ColumnType

MOST_WAITING = 8_192
"""Rows that wait; further ones are shed, and counted. A single larger request is taken when nothing else waits."""


class Batch(NamedTuple):
    """Admitted rows of several requests, and what they were answered."""

    rows: Admitted
    scores: Predictions


class Waiting:
    """Answered requests that wait to be looked at, at most so many rows."""

    def __init__(self, types: Mapping[str, ColumnType], most: int = MOST_WAITING) -> None:
        self.types = types
        self.most = most
        self.requests: list[Batch] = []
        self.count = 0
        self.shed = 0
        """Rows that found no room."""
        self.lock = Lock()

    def add(self, rows: Admitted, scores: Predictions) -> None:
        """Keep a request where there is room for it."""
        with self.lock:
            if self.count and self.count + rows.count > self.most:
                self.shed += rows.count
                return
            self.requests.append(Batch(Admitted(rows.count, rows.columns, rows.stamps, {}, rows.numbers), scores))
            self.count += rows.count

    def take(self) -> Batch | None:
        """Return all that wait as one batch, None when there are none."""
        with self.lock:
            requests, self.requests, self.count = self.requests, [], 0
        if not requests:
            return None
        scores = np.concatenate([request.scores for request in requests])
        return Batch(together([request.rows for request in requests], self.types), scores)


def together(requests: Sequence[Admitted], types: Mapping[str, ColumnType]) -> Admitted:
    """Return the rows of all requests, null where one left out an optional input."""
    numbers = [rows.numbers for rows in requests if rows.numbers is not None and isinstance(rows.columns, Lists)]
    if numbers and len(numbers) == len(requests):
        return alone(np.concatenate(numbers, axis=1), requests[0].columns)
    columns = {name: joined(name, requests) for name in types if any(name in rows.columns for rows in requests)}
    timed = {name for rows in requests for name in rows.stamps}
    stamps = {name: [stamp for rows in requests for stamp in stamps_of(rows, name)] for name in timed}
    return Admitted(sum(rows.count for rows in requests), columns, stamps, {})


def alone(numbers: NDArray[np.float64], names: Iterable[str]) -> Admitted:
    """Return rows of numbers and nothing else, of which no list was made."""
    places = {name: place for place, name in enumerate(names)}
    return Admitted(numbers.shape[1], Lists(places, numbers), {}, {}, numbers)


def joined(name: str, requests: Sequence[Admitted]) -> list[Any]:
    values: list[Any] = []
    for rows in requests:
        values.extend(rows.columns[name] if name in rows.columns else [None] * rows.count)
    return values


def stamps_of(rows: Admitted, name: str) -> Sequence[int | None]:
    return rows.stamps[name] if name in rows.stamps else [None] * rows.count
