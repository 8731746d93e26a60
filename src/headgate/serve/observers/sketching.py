"""Counts every answered row in the bins of its features and scores, by event day, a few hundred rows at a time."""

import time
from collections.abc import Callable
from threading import Lock

import numpy as np

from headgate.drift.sketch import Sketch, SketchDay
from headgate.models.loading import Predictions
from headgate.names import Digest
from headgate.serve.door.admission import DAY_MICROSECONDS, Admitted
from headgate.serve.logs.segment import day_of
from headgate.serve.model.predictor import Predictor
from headgate.serve.observers.batching import Batch, Waiting
from headgate.serve.observers.bins import Bins
from headgate.serve.observers.counting import Counter, Counting
from headgate.serve.observers.tally import Tally, nothing

MOST_DAYS = 16
"""Event days that are kept apart; of more, the least filled go."""


class Sketching:
    """Grows one model's sketch; the request's path only leaves a reference to what it has in hand."""

    def __init__(self, predictor: Predictor, bins: Bins, reference: Digest | None = None) -> None:
        self.predictor = predictor
        self.bins = bins
        self.reference = reference
        self.counter = counter_of(predictor, bins)
        self.waiting = Waiting(predictor.door.types)
        self.days: dict[str, Tally] = {}
        self.forgotten = nothing(bins)
        """Rows of days that are no longer kept apart."""
        self.passed = 0
        self.lost = 0
        """Rows of days that were dropped, or whose features could not be computed again."""
        self._lock = Lock()

    def offer(self, rows: Admitted, scores: Predictions) -> None:
        """Take note of an answer."""
        self.waiting.add(rows, scores)

    def pass_by(self, rows: int) -> None:
        """Take note of rows that another model answered: they are counted, and not sketched."""
        self.passed += rows

    @property
    def answered(self) -> int:
        """Return how many rows were answered since the beginning, whoever did."""
        return self.waiting.offered + self.passed

    def fold(self, pause: Callable[[], None]) -> None:
        """Count what waits."""
        trouble = None
        for batch in self.waiting.batches(self.counter.rows_at_once):
            pause()
            try:
                self.count(batch, pause)
            except Exception as err:  # noqa: BLE001 - the other rows count all the same
                self.lost += batch.rows.count
                trouble = err
        if trouble:
            raise trouble

    def count(self, batch: Batch, pause: Callable[[], None]) -> None:
        """Add a batch to its days."""
        days, groups = np.unique(self.day_codes(batch.rows), return_inverse=True)
        counted = list(self.counter.count(batch.rows, batch.scores, groups, pause))
        rows = np.bincount(groups).tolist()
        names = [day_of(code * DAY_MICROSECONDS) for code in days.tolist()]
        with self._lock:
            for group, name in enumerate(names):
                self.days.setdefault(name, Tally()).add(rows[group], counted, group)
                self.forget(name)

    def day_codes(self, rows: Admitted) -> np.ndarray:
        """Return each row's event day; without an event time, today."""
        name = self.predictor.spec.data.time
        if name is None:
            return np.full(rows.count, time.time_ns() // 1000 // DAY_MICROSECONDS)
        return np.array(rows.stamps[name], dtype=np.int64) // DAY_MICROSECONDS

    def forget(self, newest: str) -> None:
        """Drop the least filled day where there are too many, never the one that was just counted."""
        if len(self.days) > MOST_DAYS:
            least = min((day for day in self.days if day != newest), key=lambda day: (self.days[day].rows, day))
            gone = self.days.pop(least)
            self.lost += gone.rows
            self.forgotten.merge(gone)

    @property
    def skipped(self) -> int:
        """Return how many answered rows are counted in no day."""
        return self.lost + self.waiting.shed

    @property
    def total(self) -> SketchDay:
        """Return every counted row since the server began, whatever its day: what counters show."""
        whole = nothing(self.bins)
        with self._lock:
            for tally in (self.forgotten, *self.days.values()):
                whole.merge(tally)
        return whole.day("", self.bins)

    def sketch(self) -> Sketch:
        """Return what was counted until now."""
        with self._lock:
            days = tuple(self.days[day].day(day, self.bins) for day in sorted(self.days))
        loaded = self.predictor.loaded
        return Sketch(
            service=loaded.signature.service,
            model=loaded.sha256,
            reference=self.reference,
            days=days,
            skipped=self.skipped,
        )


def counter_of(predictor: Predictor, bins: Bins) -> Counter:
    """Return what counts a model's rows: by way of a frame only where a function of its owner's asks for one."""
    if predictor.function is None:
        return Counting(predictor.door, predictor.spec, predictor.loaded.signature, bins)
    from headgate.serve.observers.framed import Framed  # noqa: PLC0415 - brings polars, which most models do without

    return Framed(predictor, bins)
