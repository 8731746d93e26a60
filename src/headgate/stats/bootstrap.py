"""A second opinion on a clustered error: draw whole clusters again and again, and score each draw."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headgate.errors import PermanentError
from headgate.records.judgement import Estimate
from headgate.stats.clustered import cluster_codes
from headgate.stats.losses import ROW_LOSSES, squared_error
from headgate.stats.metrics import Undefined, check_codes, known, paired_arrays, score
from headgate.stats.ranks import tie_groups

Floats = NDArray[np.float64]
Weighted = Callable[[Floats], float]


def block_bootstrap(
    metric_name: str,
    label: ArrayLike,
    candidate: ArrayLike,
    other: ArrayLike | None = None,
    *,
    clusters: ArrayLike | None = None,
    length: int = 1,
    draws: int = 500,
    seed: int = 7,
) -> Estimate | Undefined:
    """Return the metric (with `other`: candidate minus other) with the spread of its draws as standard error.

    A draw is made of circular blocks of `length` neighbouring clusters, in the order of the cluster values (Politis &
    Romano 1992); 1 takes clusters as independent, more allows for days that resemble the next. Slower than
    `estimate`, about draws x rows / 50 million seconds, and without its formulas.
    """
    sides = [candidate] if other is None else [candidate, other]
    values = [score(metric_name, label, side) for side in sides]
    for value in values:
        if isinstance(value, Undefined):
            return value
    truth, _ = paired_arrays(label, candidate)
    codes, count = cluster_codes(clusters, len(truth))
    if not 1 <= length <= count // 2:
        raise PermanentError(f"blocks of {length} clusters can't be drawn from {count}; expected 1 to {count // 2}")
    measures = [_weighted(metric_name, *paired_arrays(label, side)) for side in sides]
    drawn = [
        [measure(weights) for measure in measures]
        for weights in (times[codes] for times in _draws(count, length, draws, np.random.default_rng(seed)))
    ]
    deltas = np.array(drawn) @ np.array([1.0, -1.0][: len(sides)])
    spread = float(np.std(deltas[np.isfinite(deltas)], ddof=1))
    plain = [value.value for value in values if not isinstance(value, Undefined)]
    return Estimate(value=plain[0] - sum(plain[1:]), standard_error=spread, rows=len(truth), clusters=count)


def _draws(count: int, length: int, draws: int, random: np.random.Generator) -> Floats:
    """Return how often each draw holds each cluster, (draws, count)."""
    blocks = -(-count // length)
    starts = random.integers(0, count, size=(draws, blocks, 1))
    chosen = ((starts + np.arange(length)) % count).reshape(draws, -1)[:, :count]
    flat = (chosen + count * np.arange(draws)[:, None]).ravel()
    return np.bincount(flat, minlength=draws * count).reshape(draws, count).astype(np.float64)


def _weighted(name: str, label: Floats, prediction: Floats) -> Weighted:
    if name != "auc":
        loss = ROW_LOSSES.get(known(name).name, squared_error)(label, prediction)
        root = name == "rmse"
        return lambda weights: float(weights @ loss / weights.sum()) ** (0.5 if root else 1)
    check_codes(label, prediction)
    if prediction.ndim == 1:
        return _weighted_auc(label == 1, prediction)
    each = [_weighted_auc(label == code, prediction[:, code]) for code in range(prediction.shape[1])]
    return lambda weights: float(np.mean([one(weights) for one in each]))


def _weighted_auc(positive: NDArray[np.bool_], prediction: Floats) -> Weighted:
    order = np.argsort(prediction)
    first, _ = tie_groups(prediction[order])
    is_positive = positive[order]

    def auc(weights: Floats) -> float:
        ordered = weights[order]
        positives = np.add.reduceat(np.where(is_positive, ordered, 0), first)
        negatives = np.add.reduceat(np.where(is_positive, 0, ordered), first)
        below = np.cumsum(negatives) - negatives / 2
        pairs = positives.sum() * negatives.sum()
        return float(positives @ below / pairs) if pairs else float("nan")

    return auc
