"""Many small requests as one: what answers nobody is computed some hundred rows at a time."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from headgate.models.loading import Predictions
from headgate.serve.door.admission import Admitted, Lists
from headgate.serve.door.merging import merged
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
        self.requests: deque[Admitted | NDArray[np.float64]] = deque()
        """Of numbers alone the array: thousands of further objects would keep the garbage collector busy."""
        self.scores: deque[Predictions] = deque()
        self.begun = 0
        """Rows of the first request that were taken before."""
        self.places: Mapping[str, int] = {}
        self.count = 0
        self.offered = 0
        """Rows since the beginning, shed ones too."""
        self.shed = 0
        """Rows that found no room."""
        self.lock = Lock()

    def add(self, rows: Admitted, scores: Predictions) -> None:
        """Keep a request where there is room for it."""
        with self.lock:
            self.offered += rows.count
            if self.count and self.count + rows.count > self.most:
                self.shed += rows.count
                return
            self.count += rows.count
            self.scores.append(scores)
            columns = rows.columns
            if type(columns) is Lists:
                self.places = columns.places
                self.requests.append(columns.numbers)
            else:
                self.requests.append(Admitted(rows.count, columns, rows.stamps, {}, rows.numbers))

    def batches(self, most: int) -> Iterator[Batch]:
        """Yield the rows that wait by now, in their order, at most so many at a time."""
        left = self.count
        while left > 0 and (batch := self.take(min(most, left))):
            left -= batch.rows.count
            yield batch

    def take(self, most: int) -> Batch | None:
        """Return the first rows that wait as one batch, None when there are none."""
        requests, scores, room = [], [], most
        with self.lock:
            while room and self.requests:
                request, answered = self.first(room)
                requests.append(request)
                scores.append(answered)
                room -= len(answered)
            self.count -= most - room
        return Batch(self.together(requests), np.concatenate(scores)) if requests else None

    def first(self, room: int) -> tuple[Admitted | NDArray[np.float64], Predictions]:
        """Return the first request, or what is left of it, or as many of its rows as there is room for."""
        request, answered, start = self.requests[0], self.scores[0], self.begun
        end = min(start + room, len(answered))
        if end < len(answered):
            self.begun = end
        else:
            self.requests.popleft()
            self.scores.popleft()
            self.begun = 0
        if end - start == len(answered):
            return request, answered
        return part(request, start, end), answered[start:end]

    def together(self, requests: Sequence[Admitted | NDArray[np.float64]]) -> Admitted:
        """Return the rows of all requests, null where one left out an optional input."""
        arrays = [one for one in requests if isinstance(one, np.ndarray)]
        if len(arrays) == len(requests):
            return alone(np.concatenate(arrays, axis=1), self.places)
        whole = [alone(one, self.places) if isinstance(one, np.ndarray) else one for one in requests]
        return merged(whole, self.types)


def alone(numbers: NDArray[np.float64], places: Mapping[str, int]) -> Admitted:
    """Return rows of numbers and nothing else, of which no list was made."""
    return Admitted(numbers.shape[1], Lists(places, numbers), {}, {}, numbers)


def part(request: Admitted | NDArray[np.float64], start: int, end: int) -> Admitted | NDArray[np.float64]:
    """Return some rows of a request."""
    if isinstance(request, np.ndarray):
        return request[:, start:end]
    columns = {name: values[start:end] for name, values in request.columns.items()}
    stamps = {name: values[start:end] for name, values in request.stamps.items()}
    return Admitted(
        end - start, columns, stamps, {}, None if request.numbers is None else request.numbers[:, start:end]
    )
