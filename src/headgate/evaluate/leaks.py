"""Which features alone predict the label? One that does so almost perfectly is probably made from it."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from headgate.evaluate.frame import Floats, read
from headgate.records.judgement import Leak
from headgate.specs.service import Service
from headgate.stats.ranks import midranks

MOST = 10
MOST_CLASSES = 8
"""Pairs of classes are compared; beyond the eight largest classes a pair says little more."""
MOST_ROWS = 50_000
FEWEST = 10
"""Rows of each class that a score needs."""


def single_feature_leaks(features: pl.DataFrame, predictions: pl.DataFrame, spec: Service) -> tuple[Leak, ...]:
    """Return the strongest single features of the gate rows, strongest first; constant and empty ones have no score.

    `features` and `predictions` are of the same rows in the same order.
    binary: AUC, either way round. multiclass: the same, mean over pairs of classes (Hand & Till 2001), so that a
    feature must tell all classes apart. regression: absolute rank correlation. That a value is missing counts as a
    feature too; categories stand for the mean label that the *other* half of the rows has for them.
    """
    truth = read(predictions, spec)
    known = np.flatnonzero(truth.known)[:: max(1, int(truth.known.sum()) // MOST_ROWS)]
    label = truth.label[known]
    scored = [(name, strength(features[name].gather(known), label, spec.task)) for name in features.columns]
    found = [Leak(feature=name, score=score) for name, score in scored if score is not None]
    return tuple(sorted(found, key=lambda leak: (-leak.score, leak.feature))[:MOST])


def strength(column: pl.Series, label: Floats, task: str) -> float | None:
    """Return how well one column predicts the label, None when it cannot at all."""
    filled = column.fill_nan(None) if column.dtype.is_float() else column
    present = filled.is_not_null().to_numpy()
    parts = []
    if filled.drop_nulls().n_unique() > 1:
        parts.append(score_of(filled.filter(present), label[present], task))
    if present.any() and not present.all():
        parts.append(score_of(pl.Series(present.astype(np.int8)), label, task))
    scores = [score for score in parts if score is not None]
    return max(scores) if scores else None


def score_of(column: pl.Series, label: Floats, task: str) -> float | None:
    if task == "regression":
        return rank_correlation(values_of(column, label), label) if len(label) >= FEWEST else None
    pairs = [score for score in pair_scores(column, label) if score is not None]
    return float(np.mean(pairs)) if pairs else None


def pair_scores(column: pl.Series, label: Floats) -> Iterator[float | None]:
    """Yield the AUC of each pair of the larger classes."""
    classes, sizes = np.unique(label, return_counts=True)
    largest = classes[np.argsort(-sizes, kind="stable")][:MOST_CLASSES]
    for one, other in combinations(sorted(largest), 2):
        rows = np.flatnonzero((label == one) | (label == other))
        truth = (label[rows] == other).astype(np.float64)
        yield area(values_of(column.gather(rows), truth), truth == 1)


def values_of(column: pl.Series, target: Floats) -> Floats:
    """Return a column as numbers: moments and truth values as they are ordered, categories by their mean target."""
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        return column.cast(pl.Float64).to_numpy().astype(np.float64)
    if column.dtype.is_temporal():
        return column.to_physical().cast(pl.Float64).to_numpy().astype(np.float64)
    return other_half_means(column.cast(pl.String), target)


def other_half_means(column: pl.Series, target: Floats) -> Floats:
    """Return for each row the mean target of its category among rows of the other half; a category new there, the mean.

    A row never sees its own label, so that a column of ids has no score.
    """
    half = halves(len(target))
    frame = pl.DataFrame({"category": column, "half": half, "target": target})
    means = frame.group_by("category", "half").agg(mean=pl.col("target").mean()).with_columns(half=1 - pl.col("half"))
    joined = frame.join(means, on=["category", "half"], how="left", maintain_order="left")
    return joined["mean"].fill_null(float(target.mean())).to_numpy().astype(np.float64)


def halves(rows: int) -> NDArray[np.uint64]:
    """Return 0 or 1 by row, the same every time and in step with no pattern of the rows (SplitMix64)."""
    mixed = np.arange(1, rows + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed >> np.uint64(63)


def area(values: Floats, positive: NDArray[np.bool_]) -> float | None:
    """Return the AUC, whichever way round, a half for a constant; None for too few of a class."""
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if min(positives, negatives) < FEWEST:
        return None
    area_under = (midranks(values)[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives)
    return float(max(area_under, 1 - area_under))


def rank_correlation(values: Floats, label: Floats) -> float | None:
    """Return the absolute Spearman correlation; None where one of both is constant."""
    if np.ptp(values) == 0 or np.ptp(label) == 0:
        return None
    return float(abs(np.corrcoef(midranks(values), midranks(label))[0, 1]))
