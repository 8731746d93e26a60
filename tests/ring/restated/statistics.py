"""The statistics of STATISTICS once more, from their formulas: nothing here was taken from what it checks."""

import math
from typing import NamedTuple

import numpy as np

SMALLEST = np.finfo(np.float64).eps


class Estimate(NamedTuple):
    """A value with what is needed for its interval."""

    value: float
    error: float
    rows: int
    clusters: int
    freedom: float


def placements(label: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each positive the share of negatives below it, for each negative of positives above; ties half."""
    positive, negative = np.sort(score[label == 1]), np.sort(score[label == 0])
    above = score[label == 1]
    below = score[label == 0]
    of_positive = (np.searchsorted(negative, above, "left") + np.searchsorted(negative, above, "right")) / 2
    of_negative = (np.searchsorted(positive, below, "left") + np.searchsorted(positive, below, "right")) / 2
    return of_positive / len(negative), 1 - of_negative / len(positive)


def auc(label: np.ndarray, score: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the AUC and each row's influence on it, scaled so that single rows give DeLong's variance."""
    rows, positives = len(label), int((label == 1).sum())
    negatives = rows - positives
    of_positive, of_negative = placements(label, score)
    value = float(of_positive.mean())
    moved = np.empty(rows)
    moved[label == 1] = (of_positive - value) * rows / positives * root(positives, rows)
    moved[label == 0] = (of_negative - value) * rows / negatives * root(negatives, rows)
    return value, moved


def root(count: int, rows: int) -> float:
    return math.sqrt(count / (count - 1) * (rows - 1) / rows)


def log_loss(label: np.ndarray, score: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean log loss and each row's distance from it."""
    loss = losses(label, score)
    return float(loss.mean()), loss - loss.mean()


def losses(label: np.ndarray, score: np.ndarray) -> np.ndarray:
    return -np.log(np.clip(np.where(label == 1, score, 1 - score), SMALLEST, 1 - SMALLEST))


METRICS = {"auc": auc, "log_loss": log_loss}
BETTER = {"auc": 1, "log_loss": -1}


def estimated(value: float, moved: np.ndarray, cluster: np.ndarray) -> Estimate:
    """Return the error of a value by leaving out one cluster at a time."""
    rows, squares, sizes = len(moved), 0.0, []
    for one in np.unique(cluster):
        inside = cluster == one
        size = int(inside.sum())
        squares += (float(moved[inside].sum()) / (1 - size / rows)) ** 2
        sizes.append(size)
    count = len(sizes)
    freedom = max(1.0, rows**2 / sum(size**2 for size in sizes) - 1)
    return Estimate(value, math.sqrt((count - 1) / count * squares) / rows, rows, count, freedom)


def beta_fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction of the incomplete beta function (Lentz)."""
    tiny = 1e-300
    c, d = 1.0, 1 / max(1 - (a + b) * x / (a + 1), tiny)
    fraction = d
    for m in range(1, 500):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + term * d
            c = 1 + term / c
            d = 1 / (d if abs(d) > tiny else tiny)
            c = c if abs(c) > tiny else tiny
            fraction *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return fraction


def below(t: float, freedom: float) -> float:
    """Return P(T <= t) of Student's t."""
    x = freedom / (freedom + t * t)
    a, b = freedom / 2, 0.5
    front = (
        math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
        if t
        else 0
    )
    if x < (a + 1) / (a + b + 2):
        tail = front * beta_fraction(a, b, x) / a
    else:
        tail = 1 - front * beta_fraction(b, a, 1 - x) / b
    return 1 - tail / 2 if t > 0 else tail / 2


def quantile(share: float, freedom: float) -> float:
    """Return Student's t below which `share` lies."""
    low, high = -1e4, 1e4
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle, freedom) < share else (low, middle)
    return (low + high) / 2


def interval(found: Estimate, alpha: float) -> tuple[float, float]:
    reach = quantile(1 - alpha / 2, found.freedom) * found.error
    return found.value - reach, found.value + reach


def claim(found: Estimate, limit: float, aim: float, alpha: float) -> str:
    """Return whether the interval proves that the value is past the limit, in the direction of the aim."""
    side = 1 if aim > limit else -1
    low, high = sorted(side * end for end in interval(found, alpha))
    if low > side * limit:
        return "pass"
    reach = quantile(1 - alpha / 2, found.clusters - 1) + quantile(0.8, found.clusters - 1)
    shown = reach * found.error <= abs(aim - limit)
    return "fail" if high < side * aim or shown else "inconclusive"


def worst_case(metric: str, label: np.ndarray, one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Return the extremes of one minus other over all answers that missing labels may have."""
    missing = np.isnan(label)
    if metric == "log_loss":
        ways = [
            losses(np.where(missing, told, label), one) - losses(np.where(missing, told, label), other)
            for told in (0, 1)
        ]
        return float(np.minimum(*ways).mean()), float(np.maximum(*ways).mean())
    gap = ranks(one) - ranks(other)
    low, high = [], []
    order = np.sort(gap[missing])
    for extra in range(len(order) + 1):
        positives = int((label == 1).sum()) + extra
        pairs = positives * (len(label) - positives)
        if pairs:
            low.append((gap[label == 1].sum() + order[:extra].sum()) / pairs)
            high.append((gap[label == 1].sum() + order[len(order) - extra :].sum()) / pairs)
    return float(min(low)), float(max(high))


def ranks(values: np.ndarray) -> np.ndarray:
    ordered = np.sort(values)
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right") + 1) / 2
