"""Metrics, their clustered errors and Student's t, from the formulas: nothing here comes from headgate.

The error of a mean of influence values x over n rows in G clusters, where cluster g holds the share h_g of the rows and
its values sum to S_g: SE^2 = (G - 1) / G * sum((S_g / (1 - h_g))^2) / n^2, and n^2 / sum(n_g^2) - 1 degrees of freedom.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import exp, isfinite, lgamma, log, log1p, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Estimate = dict[str, Any]

FEWEST_OF_A_CLASS = 2
NEVER = 1_000_000
POWER = 0.8


@dataclass(frozen=True)
class Moved:
    """A value, and how far each row moves it."""

    value: float
    by_row: Floats

    def minus(self, other: "Moved") -> "Moved":
        return Moved(self.value - other.value, self.by_row - other.by_row)


def auc(label: Floats, score: Floats) -> Moved | None:
    """Count for each late flight the flights in time that it outranks, and the other way round."""
    late, in_time = np.sort(score[label == 1]), np.sort(score[label == 0])
    n, m = len(late), len(in_time)
    if min(n, m) < FEWEST_OF_A_CLASS:
        return None
    outranked = (np.searchsorted(in_time, score, "left") + np.searchsorted(in_time, score, "right")) / (2 * m)
    outranking = 1 - (np.searchsorted(late, score, "left") + np.searchsorted(late, score, "right")) / (2 * n)
    value = float(outranked[label == 1].sum() / n)
    rows = n + m
    # So that rows that are a cluster each give DeLong's variance, with its n - 1 and m - 1.
    scale = {1: sqrt(rows * (rows - 1) / (n * (n - 1))), 0: sqrt(rows * (rows - 1) / (m * (m - 1)))}
    moved = np.where(label == 1, (outranked - value) * scale[1], (outranking - value) * scale[0])
    return Moved(value, moved)


def surprise(label: Floats, score: Floats) -> Floats:
    """Return minus the log of the probability given to what happened, no closer to 0 or 1 than a double can say."""
    tiny = 2.0**-52
    given = np.clip(label * score + (1 - label) * (1 - score), tiny, 1 - tiny)
    return np.asarray(-np.log(given))


def log_loss(label: Floats, score: Floats) -> Moved | None:
    return mean_of(surprise(label, score)) if len(label) else None


def mean_of(values: Floats) -> Moved:
    value = float(values.mean())
    return Moved(value, values - value)


METRICS = {"auc": auc, "log_loss": log_loss}
BETTER = {"auc": 1, "log_loss": -1}


def estimate(moved: Moved | None, clusters: NDArray[Any]) -> Estimate | None:
    """Return value, clustered standard error and degrees of freedom as a record writes them."""
    if moved is None:
        return None
    rows, kinds = len(moved.by_row), sorted(set(clusters.tolist()))
    if len(kinds) < 2:
        return None
    squares = sizes = 0.0
    for kind in kinds:
        mine = clusters == kind
        held = int(mine.sum())
        squares += (float(moved.by_row[mine].sum()) / (1 - held / rows)) ** 2
        sizes += held**2
    count = len(kinds)
    error = sqrt(squares * (count - 1) / count) / rows
    freedom = max(1.0, rows**2 / sizes - 1)
    return {"value": moved.value, "standard_error": error, "rows": rows, "clusters": count, "freedom": freedom}


def worst_case(metric: str, label: Floats, candidate: Floats, other: Floats) -> list[float] | None:
    """Return the least and the greatest difference over all labels that the missing (NaN) ones may have."""
    missing = np.isnan(label)
    if metric == "log_loss":
        late, in_time = (
            surprise(np.full(len(label), a), candidate) - surprise(np.full(len(label), a), other) for a in (1.0, 0.0)
        )
        told = np.where(label == 1, late, in_time)
        ends = (np.where(missing, pick(late, in_time), told) for pick in (np.minimum, np.maximum))
        return [float(end.mean()) for end in ends]
    # With k missing rows late, the difference of the AUCs is a sum of rank differences over the late rows.
    gap = midrank(candidate) - midrank(other)
    unsettled, sure = np.sort(gap[missing]), int((label == 1).sum())
    low, high = float("inf"), float("-inf")
    least = most = float(gap[label == 1].sum())
    for k in range(len(unsettled) + 1):
        pairs = (sure + k) * (len(label) - sure - k)
        if pairs:
            low, high = min(low, least / pairs), max(high, most / pairs)
        if k < len(unsettled):
            least, most = least + float(unsettled[k]), most + float(unsettled[-1 - k])
    return None if low > high else [low, high]


def midrank(values: Floats) -> Floats:
    ordered = np.sort(values)
    return np.asarray((np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right") + 1) / 2)


def beta_share(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), by Lentz's continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_share(b, a, 1 - x)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d, c = 1 / (1 + step * d), 1 + step / c
            fraction *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return front * fraction


@lru_cache(maxsize=4096)
def student(freedom: float, share: float) -> float:
    """Return the quantile of Student's t for a share above a half, by bisection."""
    low, high = 0.0, 1.0
    while upper_tail(freedom, high) > 1 - share:
        high *= 2
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if upper_tail(freedom, middle) > 1 - share else (low, middle)
    return high


def upper_tail(freedom: float, t: float) -> float:
    return beta_share(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2


def interval(found: Estimate, alpha: float) -> tuple[float, float]:
    reach = student(found["freedom"], 1 - alpha / 2) * found["standard_error"]
    return found["value"] - reach, found["value"] + reach


def clusters_needed(found: Estimate, distance: float, alpha: float) -> int | None:
    """Return the fewest clusters that would show a true difference of `distance` with power .8; None: too many."""
    spread = found["standard_error"] * sqrt(found["clusters"])
    if distance <= 0 or not isfinite(spread):
        return None

    def shows(count: int) -> bool:
        reach = student(count - 1.0, 1 - alpha / 2) + student(count - 1.0, POWER)
        return bool(reach * spread / sqrt(count) <= distance)

    few, many = 2, NEVER
    while few < many:
        middle = (few + many) // 2
        few, many = (few, middle) if shows(middle) else (middle + 1, many)
    return few if few < NEVER else None
