"""How good are predictions? One value, and how much each row moved it.

The influence values make one mechanism give every standard error: sum them by cluster (see `clustered`).
"""

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headgate.errors import PermanentError
from headgate.names import did_you_mean
from headgate.stats.losses import ROW_LOSSES, squared_error
from headgate.stats.ranks import placements

Floats = NDArray[np.float64]

CLOSE_TO_ONE = 1e-3
"""How far a row of class probabilities may be from summing to 1: float32 sums over many classes drift."""
ROUNDING = 1e-6
"""How far a float32 probability may lie outside 0..1."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's name, which way is better, and the tasks that have it."""

    name: str
    higher_is_better: bool
    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A metric's value, and per row its influence (mean zero): d value when the row's weight grows, times rows."""

    value: float
    influence: Floats


@dataclass(frozen=True, slots=True)
class Undefined:
    """Why there is no number, in words a finding can quote."""

    reason: str


CLASSES = ("binary", "multiclass")
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("auc", True, CLASSES),
        Metric("log_loss", False, CLASSES),
        Metric("brier", False, CLASSES),
        Metric("accuracy", True, CLASSES),
        Metric("rmse", False, ("regression",)),
        Metric("mae", False, ("regression",)),
    )
}


def score(metric_name: str, label: ArrayLike, prediction: ArrayLike) -> Scored | Undefined:
    """Return the metric with its influence values, or why it has none.

    binary: label 0/1, prediction P(1), both (n,). multiclass: label class codes (n,), prediction (n, classes).
    regression: numbers, both (n,). AUC of several classes is the plain mean of one-against-rest AUCs.
    """
    metric = known(metric_name)
    truth, guess = paired_arrays(label, prediction)
    trouble = _trouble(metric, truth, guess)
    if trouble:
        return Undefined(trouble)
    if "regression" not in metric.tasks:
        check_codes(truth, guess)
    if metric.name == "auc":
        return _auc(truth, guess)
    if metric.name == "rmse":
        return _root(squared_error(truth, guess))
    return _mean(ROW_LOSSES[metric.name](truth, guess))


def known(metric_name: str) -> Metric:
    """Return the metric of that name, or refuse it."""
    metric = METRICS.get(metric_name)
    if metric is None:
        found = ", ".join(METRICS)
        raise PermanentError(
            f"there is no metric {metric_name!r}; there are: {found}.{did_you_mean(metric_name, METRICS)}"
        )
    return metric


def paired_arrays(label: ArrayLike, prediction: ArrayLike) -> tuple[Floats, Floats]:
    """Return both as float64, refusing shapes that don't pair."""
    truth, guess = np.asarray(label, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    if truth.ndim != 1 or guess.ndim not in {1, 2} or len(truth) != len(guess):
        raise PermanentError(
            f"labels of shape {truth.shape} and predictions of shape {guess.shape} don't pair",
            next_step="give labels (n,) and predictions (n,) or (n, classes)",
        )
    return truth, guess


def check_codes(label: Floats, prediction: Floats) -> None:
    """Refuse labels that are no class codes 0, 1, …; missing ones (NaN) are let through."""
    classes = 2 if prediction.ndim == 1 else prediction.shape[1]
    wrong = label[~(np.isnan(label) | ((label >= 0) & (label < classes) & (label == np.floor(label))))]
    if wrong.size:
        raise PermanentError(f"label {wrong[0]:g} is no class code; expected a whole number from 0 to {classes - 1}")


def _trouble(metric: Metric, label: Floats, prediction: Floats) -> str | None:
    if not len(label):
        return "there are no rows"
    if missing := int(np.count_nonzero(~np.isfinite(label))):
        return f"{missing} of {len(label)} labels are missing or infinite"
    if wrong := int(np.count_nonzero(~np.isfinite(prediction))):
        return f"{wrong} of {prediction.size} predictions are NaN or infinite"
    if metric.name in {"log_loss", "brier"}:
        return not_probabilities(prediction)
    return None


def not_probabilities(prediction: Floats) -> str | None:
    """Return why predictions are no probabilities, None when they are."""
    outside = int(np.count_nonzero((prediction < -ROUNDING) | (prediction > 1 + ROUNDING)))
    if outside:
        return f"{outside} of {prediction.size} predictions are not probabilities: outside 0..1"
    if prediction.ndim == 2 and np.abs(prediction.sum(axis=1) - 1).max() > CLOSE_TO_ONE:
        return "predictions are not probabilities: a row's classes don't sum to 1"
    return None


def _mean(values: Floats) -> Scored:
    value = float(values.mean())
    return Scored(value, values - value)


def _root(squares: Floats) -> Scored:
    value = sqrt(float(squares.mean()))
    influence = (squares - value**2) / (2 * value) if value else np.zeros_like(squares)
    return Scored(value, influence)


def _auc(label: Floats, prediction: Floats) -> Scored | Undefined:
    if prediction.ndim == 1:
        return _auc_of_one(label == 1, prediction)
    classes: list[Scored] = []
    for code in range(prediction.shape[1]):
        one = _auc_of_one(label == code, prediction[:, code])
        if isinstance(one, Undefined):
            return Undefined(f"class {code} against the rest: {one.reason}")
        classes.append(one)
    influence = np.mean([one.influence for one in classes], axis=0)
    return Scored(float(np.mean([one.value for one in classes])), influence)


def _auc_of_one(positive: NDArray[np.bool_], prediction: Floats) -> Scored | Undefined:
    rows, positives = len(positive), int(positive.sum())
    negatives = rows - positives
    if min(positives, negatives) < 2:
        return Undefined(f"{positives} positive and {negatives} negative rows; expected at least two of each")
    placed = placements(positive, prediction)
    value = float(placed[positive].mean())
    # The square roots turn the rows/(rows-1) of a clustered error over single rows into DeLong's count/(count-1).
    weights = [rows / n * sqrt(n / (n - 1) * (rows - 1) / rows) for n in (negatives, positives)]
    influence: Any = (placed - value) * np.where(positive, weights[1], weights[0])
    return Scored(value, influence)
