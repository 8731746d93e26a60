"""Predictions → Evaluation: every role's metrics, differences, slices and calibration, on the same rows."""

import polars as pl

from headgate.evaluate.calibration import calibration
from headgate.evaluate.frame import Predictions, Taken, read
from headgate.evaluate.overlap import duplicate_ids
from headgate.evaluate.slices import measure_slices
from headgate.names import Digest, Uri
from headgate.records.dataset import Window
from headgate.records.judgement import Comparison, Evaluation, Latency, Leak, Measured, Role
from headgate.records.model import Model
from headgate.specs.service import Service
from headgate.stats.bounds import worst_case
from headgate.stats.clustered import estimate, paired
from headgate.stats.metrics import Undefined, known, score


def measure(
    predictions: pl.DataFrame,
    spec: Service,
    *,
    model: Model,
    champion: Model | None,
    anchor: Model | None,
    latency: Latency,
    leaks: tuple[Leak, ...],
    overlap_rows: int,
    look: int,
    predictions_uri: Uri,
    predictions_sha256: Digest,
    window: Window | None = None,
) -> Evaluation:
    """Return what the gate rows say; `window` is theirs, by default the gate part's of the candidate's dataset."""
    rows = read(predictions, spec)
    labelled, missing = rows.taken(rows.known), int((~rows.known).sum())
    metrics = measured_metrics(spec)
    others = tuple(role for role in rows.roles if role != "candidate")
    gate = model.dataset.parts.get("gate")
    return Evaluation(
        model=model,
        champion=champion,
        anchor=anchor,
        window=window or (gate.window if gate else None),
        rows=labelled.rows,
        clusters=labelled.cluster_count,
        clustered_by=spec.data.cluster,
        metrics=tuple(measure_one(labelled, metric, role) for metric in metrics for role in rows.roles),
        comparisons=tuple(compare(rows, labelled, metric, other) for metric in metrics for other in others),
        slices=measure_slices(rows, spec.evaluate.slices, spec.metrics),
        calibration=tuple(c for r in ("candidate", "champion") if r in rows.roles and (c := calibration(labelled, r))),
        latency=latency,
        leaks=leaks,
        labels_missing=missing,
        rows_missing_share=missing / len(rows.known) if len(rows.known) else 0.0,
        overlap_rows=overlap_rows,
        duplicate_ids=duplicate_ids(predictions["id"]),
        predictions_uri=predictions_uri,
        predictions_sha256=predictions_sha256,
        look=look,
    )


def measured_metrics(spec: Service) -> tuple[str, ...]:
    """Return the metrics that rules may be about, those that the task has."""
    return tuple(metric for metric in spec.metrics_judged if spec.task in known(metric).tasks)


def measure_one(taken: Taken, metric: str, role: Role) -> Measured:
    found = estimate(score(metric, taken.label, taken.by_role[role]), taken.clusters)
    if isinstance(found, Undefined):
        return Measured(metric=metric, role=role, estimate=None, reason=found.reason)
    return Measured(metric=metric, role=role, estimate=found)


def compare(rows: Predictions, taken: Taken, metric: str, other: Role) -> Comparison:
    """Return candidate minus another role, and how far the missing labels could move it."""
    sides = [score(metric, taken.label, taken.by_role[role]) for role in ("candidate", other)]
    delta = paired(sides[0], sides[1], taken.clusters)
    bounds = None
    if not rows.known.all():
        bounds = worst_case(metric, rows.label, rows.by_role["candidate"], rows.by_role[other])
    if isinstance(delta, Undefined):
        return Comparison(metric=metric, against=other, delta=None, worst_case=bounds, reason=delta.reason)
    return Comparison(metric=metric, against=other, delta=delta, worst_case=bounds)
