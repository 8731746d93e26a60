"""One matured window, measured: answers joined to labels, the drop since the gate, and drift."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from msgspec import Struct

from headgate import features
from headgate.cli import references
from headgate.cli.labelling import together, told
from headgate.cli.moments import EPOCH
from headgate.cli.standing import Standing
from headgate.cli.wiring import Project
from headgate.contract.times import event_times, inside
from headgate.drift import performance
from headgate.drift.kept import Reference
from headgate.drift.report import report, signals
from headgate.join import join
from headgate.models.loading import Loaded, load
from headgate.names import Digest, Uri
from headgate.records.codec import digest_of
from headgate.records.dataset import Window
from headgate.records.judgement import Estimate, Evaluation
from headgate.records.live import DriftReport, LabelledWindow, Signal, WindowMetric
from headgate.records.model import Model
from headgate.serve.door.admission import inputs
from headgate.serve.logs.prediction_log import inputs_of
from headgate.serve.logs.prediction_log import read as read_log
from headgate.stats.clustered import estimate
from headgate.stats.metrics import Undefined, score

ABSENT = Undefined(reason="not measured at the gate")
NO_LABELS = pl.DataFrame(schema={"id": pl.String, "label": pl.Null})


class Observation(Struct, frozen=True, kw_only=True):
    """What one window says of the champion."""

    labelled: LabelledWindow
    metrics: tuple[WindowMetric, ...]
    signals: tuple[Signal, ...]
    drift: DriftReport


def aligned(length: timedelta, after: datetime, before: datetime) -> Iterator[Window]:
    """Yield the windows of event time that lie whole in after <= t < before, aligned to the epoch.

    >>> april = datetime(2013, 4, 1, tzinfo=UTC)
    >>> [f"{window.start:%m-%d}" for window in aligned(timedelta(7), april, april + timedelta(19))]
    ['04-04', '04-11']
    """
    start = EPOCH - (EPOCH - after) // length * length
    while start + length <= before:
        yield Window(start=start, end=start + length)
        start += length


class Observer:
    """Measures windows of one service in one environment; what does not change is read once."""

    def __init__(self, project: Project, labels: pl.DataFrame | None = None) -> None:
        self.project = project
        self.labels = labels
        self.opened: dict[str, tuple[Loaded, Reference, Evaluation]] = {}

    def observe(self, window: Window, standing: Standing, champion: Model) -> Observation | None:
        """Return what the window says of the champion; None when it answered nothing in it."""
        project, spec = self.project, self.project.spec
        predictions = read_log(project.answers(standing.environment, window), window)
        if predictions.is_empty():
            return None
        facts, joined = join(predictions, self.known(standing.environment, window), spec, window)
        own = joined.filter(pl.col("model") == champion.sha256)
        if own.is_empty():
            return None
        loaded, reference, evaluation = self.champion(standing, champion)
        uri, sha256 = self.keep(joined)
        metrics, raised = self.performance(own, evaluation, loaded, window)
        inputs = inputs_of(own)
        drift = report(
            features.compute(inputs, spec, project.features),
            scores(own, loaded),
            reference,
            spec.drift,
            window,
            environment=standing.environment,
        )
        return Observation(
            labelled=facts.record(spec.service, standing.environment, uri, sha256),
            metrics=metrics,
            signals=(*raised, *signals(drift)),
            drift=drift,
        )

    def champion(self, standing: Standing, model: Model) -> tuple[Loaded, Reference, Evaluation]:
        """Return the champion's model, its drift reference, and what it was at the gate."""
        if model.sha256 not in self.opened:
            loaded = load(self.project.store.folder(model.uri), model.sha256)
            reference = references.kept(self.project, model, loaded)
            self.opened[model.sha256] = loaded, reference, self.project.evidence(standing, model)
        return self.opened[model.sha256]

    def known(self, environment: str, window: Window) -> pl.DataFrame:
        """Return the source's labels of the window's rows, and those that were told to the servers."""
        posted = told(self.project, environment, window, self.project.clock())
        return together([self.told(window), posted], self.project.spec)

    def told(self, window: Window) -> pl.DataFrame:
        """Return the labels of the window's rows: id and label."""
        rows = self.labels
        if rows is None:
            rows = self.project.read_rows(window, datetime.now(UTC), needed=False)
        elif time := self.project.spec.data.time:
            rows = rows.filter(inside(event_times(rows, time), window))
        spec = self.project.spec
        if rows.is_empty():
            return NO_LABELS
        served = rows.select(inputs(self.project.contract, spec))
        return pl.DataFrame({"id": features.ids(served, spec), "label": rows[spec.data.label.column]})

    def performance(
        self, rows: pl.DataFrame, evaluation: Evaluation, loaded: Loaded, window: Window
    ) -> tuple[tuple[WindowMetric, ...], tuple[Signal, ...]]:
        """Return each metric of the champion's labelled answers beside the gate's, and the signals."""
        spec = self.project.spec
        known = rows.filter(pl.col("label").is_not_null())
        named = known.rename({"label": spec.data.label.column})
        label = features.labels(named, spec, loaded.signature.classes)
        clusters = features.clusters(inputs_of(known), spec)
        metrics, raised = [], []
        for metric in spec.metrics:
            served = estimate(score(metric, label, scores(known, loaded)), clusters)
            gate = at_gate(evaluation, metric)
            raised.append(performance.signal(served, gate, metric, window, spec.performance))
            if not isinstance(served, Undefined) and not isinstance(gate, Undefined):
                metrics.append(performance.window_metric(served, gate, metric, spec.performance.alpha))
        return tuple(metrics), tuple(raised)

    def keep(self, joined: pl.DataFrame) -> tuple[Uri, Digest]:
        """Keep the joined rows, found again by their digest."""
        buffer = io.BytesIO()
        joined.drop("inputs").write_parquet(buffer, compression="zstd")
        sha256 = digest_of(buffer.getvalue())
        uri = Uri(f"windows/{self.project.spec.service}/{sha256}.parquet")
        self.project.store.put(uri, buffer.getvalue())
        return uri, sha256


def scores(rows: pl.DataFrame, loaded: Loaded) -> np.ndarray:
    """Return the logged answers as the model gave them: (n,), or (n, classes)."""
    if loaded.signature.task == "multiclass":
        return rows.select(f"prediction.{name}" for name in loaded.signature.classes).to_numpy()
    return rows["prediction"].to_numpy()


def at_gate(evaluation: Evaluation, metric: str) -> Estimate | Undefined:
    """Return what the model scored on the rows that let it in."""
    found = [one.estimate for one in evaluation.metrics if one.role == "candidate" and one.metric == metric]
    return found[0] if found and found[0] else ABSENT
