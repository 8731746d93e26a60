"""A second model sees a share of the requests and answers nobody; what it would have said is kept beside what was."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric

from headgate import measures
from headgate.models.loading import Predictions
from headgate.names import short
from headgate.serve.door.admission import Admitted
from headgate.serve.model.predictor import Predictor
from headgate.serve.observers.batching import Batch, Waiting
from headgate.serve.shadow.pairs import PairLog

CHUNK_ROWS = 256
"""Rows that are computed between two pauses in which requests go first."""
HALF = 0.5


@dataclass
class Tally:
    """What was seen since the server began."""

    paired: int = 0
    failed: int = 0
    """Rows that the shadow could not answer."""
    changed: int = 0
    """Rows whose decision would have been another one."""
    distance: float = 0.0
    """Sum of how far the answers are apart: |difference|, or total variation between classes."""


class Shadow:
    """Scores a share of the answered requests with a second model, later and in batches."""

    def __init__(self, predictor: Predictor, champion: str, share: float, log: PairLog | None) -> None:
        self.predictor = predictor
        self.champion = champion
        self.share = share
        self.log = log
        self.waiting = Waiting(predictor.door.types)
        self.tally = Tally()
        self._debt = 0.0

    def offer(self, rows: Admitted, scores: Predictions) -> None:
        """Take note of an answer, if it is one of the share; spread evenly, exactly that share of all."""
        self._debt += self.share
        if self._debt >= 1 - 1e-9:
            self._debt -= 1
            self.waiting.add(rows, scores)

    def pass_by(self, rows: int) -> None:
        """Do nothing: a shadow is the champion's."""

    def fold(self, pause: Callable[[], None]) -> None:
        """Answer what waits, and keep the pairs."""
        trouble = None
        for batch in self.waiting.batches(CHUNK_ROWS):
            try:
                self.answer(batch)
            except Exception as err:  # noqa: BLE001 - the other rows are answered all the same
                self.tally.failed += batch.rows.count
                trouble = err
            pause()
        if trouble:
            raise trouble

    def answer(self, batch: Batch) -> None:
        """Compare a batch with what the champion said of it."""
        frame = self.predictor.door.frame(batch.rows)
        scores = self.predictor.predict(frame)
        self.compare(batch, scores)
        if self.log:
            self.log.keep(batch.rows, frame, batch.scores, scores)

    def compare(self, batch: Batch, scores: Predictions) -> None:
        tally, task = self.tally, self.predictor.loaded.signature.task
        tally.paired += batch.rows.count
        tally.distance += float(apart(batch.scores, scores).sum())
        if task != "regression":
            tally.changed += int((decisions(batch.scores) != decisions(scores)).sum())

    def collect(self) -> Iterator[Metric]:
        """Yield the counters, as a registry asks for them."""
        labels = [self.predictor.spec.service, self.champion, short(self.predictor.loaded.sha256)]
        rows = CounterMetricFamily(measures.SHADOW_ROWS, "Mirrored rows.", labels=measures.SHADOW_ROWS_LABELS)
        for outcome, count in self.outcomes().items():
            rows.add_metric([*labels, outcome], count)
        yield rows
        for name, value in (
            (measures.SHADOW_CHANGED, self.tally.changed),
            (measures.SHADOW_DISTANCE, self.tally.distance),
        ):
            family = CounterMetricFamily(name, "Of paired rows.", labels=measures.SHADOW_LABELS)
            family.add_metric(labels, value)
            yield family

    def outcomes(self) -> dict[str, int]:
        """Return what became of the mirrored rows."""
        return {"paired": self.tally.paired, "failed": self.tally.failed, "shed": self.waiting.shed}


def decisions(scores: Predictions) -> np.ndarray:
    """Return what each row's scores decide: a class."""
    return scores.argmax(axis=1) if scores.ndim == 2 else scores >= HALF


def apart(one: Predictions, other: Predictions) -> np.ndarray:
    """Return how far two models' answers to each row are apart.

    >>> apart(np.array([[0.2, 0.8]]), np.array([[0.5, 0.5]])).round(2).tolist()
    [0.3]
    """
    distance = np.abs(one - other)
    return distance.sum(axis=1) / 2 if distance.ndim == 2 else distance
