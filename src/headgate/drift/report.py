"""How far is one window from the reference, and what does that signal? Column by column, whatever the frame holds."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from headgate.drift.columns import scores_frame
from headgate.drift.compare import Outcome, compare, too_few
from headgate.drift.kept import Reference
from headgate.names import Name
from headgate.records.codec import digest
from headgate.records.dataset import Window
from headgate.records.live import ColumnDrift, DriftReport, Signal
from headgate.specs.drift import Drift

NAMED = 4
"""How many columns a signal names."""


def report(
    features: pl.DataFrame,
    scores: ArrayLike | None,
    reference: Reference,
    policy: Drift,
    window: Window,
    *,
    environment: Name,
) -> DriftReport:
    """Return how far a window's features and scores are from the reference.

    Drifted when a score is, when a feature is missing or of another type, or when at least `columns_share` of the
    features that could be judged are. With fewer than `min_rows` rows nothing is judged but the schema.
    """
    columns = (
        *judge_features(features, reference, policy),
        *judge_scores(scores, reference, policy),
        *added(features, reference, policy),
    )
    return DriftReport(
        service=reference.service,
        environment=environment,
        window=window,
        reference=digest(reference),
        rows=features.height,
        rows_needed=policy.min_rows,
        columns=columns,
        outcome=outcome(columns, policy),
    )


def judge_features(features: pl.DataFrame, reference: Reference, policy: Drift) -> list[ColumnDrift]:
    """Return every reference feature's drift; of a frame without rows nothing is known, not even its columns."""
    wanted = [one for one in reference.columns if not one.is_score]
    if not features.height:
        return [too_few(one, policy, 0) for one in wanted]
    return [compare(one, features[one.name] if one.name in features.columns else None, policy) for one in wanted]


def judge_scores(scores: ArrayLike | None, reference: Reference, policy: Drift) -> list[ColumnDrift]:
    """Return the drift of each of the model's answers."""
    wanted = [one for one in reference.columns if one.is_score]
    frame = as_frame(scores, [one.name.removeprefix("score.") for one in wanted])
    if not frame.height:
        return [too_few(one, policy, 0) for one in wanted]
    return [compare(one, frame[one.name] if one.name in frame.columns else None, policy) for one in wanted]


def as_frame(scores: ArrayLike | None, classes: Sequence[str]) -> pl.DataFrame:
    """Return scores as columns; what is no array of numbers is all missing."""
    if scores is None:
        return pl.DataFrame()
    try:
        return scores_frame(scores, tuple(classes))
    except (TypeError, ValueError):
        return scores_frame(np.full(len(scores) if isinstance(scores, Sequence) else 1, np.nan))


def added(features: pl.DataFrame, reference: Reference, policy: Drift) -> list[ColumnDrift]:
    """Return columns the champion was not trained on: shown, and no part of the outcome."""
    known = {one.name for one in reference.columns if not one.is_score} | set(reference.left_out)
    return [
        ColumnDrift(
            column=name,
            method=policy.method,
            distance=None,
            null_limit=None,
            effect_limit=policy.effect,
            rows=features.height,
            missing_share=features[name].null_count() / max(1, features.height),
            unseen_share=0.0,
            outcome="stable",
            expected=True,
            reason="not among the champion's features",
        )
        for name in features.columns
        if name not in known
    ]


def outcome(columns: Sequence[ColumnDrift], policy: Drift) -> Outcome:
    """Return the window's outcome from its columns'."""
    judged = [one for one in columns if not one.expected and one.outcome != "insufficient_data"]
    if any(one.is_score or has_no_distance(one) for one in drifted(judged)):
        return "drifted"
    features = [one for one in judged if not one.is_score]
    if not judged:
        return "insufficient_data"
    many = len(drifted(features)) >= policy.columns_share * len(features)
    return "drifted" if drifted(features) and many else "stable"


def drifted(columns: Sequence[ColumnDrift]) -> list[ColumnDrift]:
    """Return the columns that drifted and take part, those furthest beyond their limit first."""
    found = [one for one in columns if one.outcome == "drifted" and not one.expected]
    return sorted(found, key=excess, reverse=True)


def excess(column: ColumnDrift) -> float:
    """Return distance over limit; a missing or retyped column comes before all distances."""
    if column.distance is None:
        return float("inf")
    return column.distance / max(column.effect_limit, column.null_limit or 0.0)


def has_no_distance(column: ColumnDrift) -> bool:
    """Say whether the column is missing or of another type, so that there is nothing to measure."""
    return column.distance is None


def signals(report: DriftReport) -> list[Signal]:
    """Return the rule `drift` for the window, and `drift score` where the reference has scores."""
    features = [one for one in report.columns if not one.expected and not one.is_score]
    scores = [one for one in report.columns if one.is_score]
    found = [signal("drift", report, features, fired=report.outcome == "drifted" and bool(drifted(features)))]
    if scores:
        found.append(signal("drift score", report, scores, fired=bool(drifted(scores))))
    return found


def signal(rule: str, report: DriftReport, columns: Sequence[ColumnDrift], *, fired: bool) -> Signal:
    """Return one rule's signal; value and limit are those of the column furthest beyond its own limit."""
    measured = [one for one in columns if one.distance is not None]
    worst = max(measured, key=excess, default=None)
    return Signal(
        cause="drift",
        rule=rule,
        window=report.window,
        fired=fired,
        detail=detail(columns, report),
        value=worst.distance if worst else None,
        limit=max(worst.effect_limit, worst.null_limit or 0.0) if worst else None,
    )


def detail(columns: Sequence[ColumnDrift], report: DriftReport) -> str:
    """Return the line a person reads: how many columns drifted, and which."""
    if all(one.outcome == "insufficient_data" for one in columns):
        why = next((one.reason for one in columns), "no columns")
        return f"not judged: {why}"
    found = drifted(columns)
    judged = sum(one.outcome != "insufficient_data" for one in columns)
    if not found:
        return f"none of {judged} drifted ({report.rows:,} rows)"
    named = ", ".join(f"{one.column}: {one.reason}" for one in found[:NAMED])
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"{len(found)} of {judged} drifted ({report.rows:,} rows): {named}{more}"
