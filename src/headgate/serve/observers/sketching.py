"""Counts every answered row in the bins of its features and scores, by event day, a thousand rows at a time."""

import time
from collections.abc import Callable, Iterator
from threading import Lock

import numpy as np
import polars as pl

from headgate import features
from headgate.drift.columns import profile_like, scores_frame
from headgate.drift.sketch import Sketch, SketchDay, together
from headgate.models.loading import Predictions
from headgate.names import Digest
from headgate.serve.door.admission import DAY_MICROSECONDS, Admitted
from headgate.serve.logs.segment import day_of
from headgate.serve.model.predictor import Predictor
from headgate.serve.observers.batching import Waiting
from headgate.serve.observers.bins import Bins
from headgate.stats.profile import Profile

MOST_DAYS = 16
"""Event days that are kept apart; of more, the least filled go."""


class Sketching:
    """Grows one model's sketch; the request's path only leaves a reference to what it has in hand."""

    def __init__(self, predictor: Predictor, bins: Bins, reference: Digest | None = None) -> None:
        self.predictor = predictor
        self.bins = bins
        self.reference = reference
        self.waiting = Waiting(predictor.door.types)
        self.days: dict[str, SketchDay] = {}
        self.total = SketchDay(day="", rows=0, columns=dict(bins))
        """Every row since the server began, whatever its day: what counters show."""
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
        batch = self.waiting.take()
        if batch is None:
            return
        try:
            found = list(self.counted(batch.rows, batch.scores, pause))
        except Exception:
            self.lost += batch.rows.count
            raise
        with self._lock:
            for day in found:
                self.total = together(self.total, day)
                self.days[day.day] = together(self.days[day.day], day) if day.day in self.days else day
                self.forget(day.day)

    def counted(self, rows: Admitted, scores: Predictions, pause: Callable[[], None]) -> Iterator[SketchDay]:
        """Yield each event day's profiles."""
        predictor = self.predictor
        made = features.compute(predictor.door.frame(rows), predictor.spec, predictor.function)
        signature = predictor.loaded.signature
        frame = made.hstack(scores_frame(scores, signature.classes if signature.task == "multiclass" else ()))
        pause()
        at = self.day_codes(rows)
        for code in np.unique(at):
            part = frame if (at == code).all() else frame.filter(pl.Series(at == code))
            yield SketchDay(
                day=day_of(int(code) * DAY_MICROSECONDS), rows=part.height, columns=self.profiles(part, pause)
            )

    def day_codes(self, rows: Admitted) -> np.ndarray:
        """Return each row's event day; without an event time, today."""
        name = self.predictor.spec.data.time
        if name is None:
            return np.full(rows.count, time.time_ns() // 1000 // DAY_MICROSECONDS)
        return np.array(rows.stamps[name], dtype=np.int64) // DAY_MICROSECONDS

    def profiles(self, frame: pl.DataFrame, pause: Callable[[], None]) -> dict[str, Profile]:
        found: dict[str, Profile] = {}
        for name, empty in self.bins.items():
            if name in frame.columns and (counted := profile_like(frame[name], empty)) is not None:
                found[name] = counted
            pause()
        return found

    def forget(self, newest: str) -> None:
        """Drop the least filled day where there are too many, never the one that was just counted."""
        if len(self.days) > MOST_DAYS:
            least = min((day for day in self.days if day != newest), key=lambda day: (self.days[day].rows, day))
            self.lost += self.days.pop(least).rows

    @property
    def skipped(self) -> int:
        """Return how many answered rows are counted in no day."""
        return self.lost + self.waiting.shed

    def sketch(self) -> Sketch:
        """Return what was counted until now."""
        with self._lock:
            days = dict(self.days)
        loaded = self.predictor.loaded
        return Sketch(
            service=loaded.signature.service,
            model=loaded.sha256,
            reference=self.reference,
            days=tuple(days[day] for day in sorted(days)),
            skipped=self.skipped,
        )
