"""How bad, or how good, could it be if we knew the labels that never came? Manski's worst cases (1989, 2003).

Nothing is assumed about why a label is missing; regression labels alone are taken to lie in the range of known ones.
"""

from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headgate.stats.losses import ROW_LOSSES
from headgate.stats.metrics import check_codes, known, not_probabilities, paired_arrays
from headgate.stats.ranks import midranks

Floats = NDArray[np.float64]
Bounds = tuple[float, float]


def worst_case(
    metric_name: str, label: ArrayLike, candidate: ArrayLike, other: ArrayLike | None = None
) -> Bounds | None:
    """Return the lowest and highest metric (with `other`: candidate minus other) over all labels the NaN ones may have.

    Exact for auc, log_loss, brier, accuracy, mae; a valid outer bound for rmse and for the auc of several classes.
    None where the metric is undefined whatever the labels are, or a prediction is NaN.
    """
    metric = known(metric_name)
    truth, first = paired_arrays(label, candidate)
    second = None if other is None else paired_arrays(label, other)[1]
    sides = [side for side in (first, second) if side is not None]
    if not len(truth) or np.isinf(truth).any() or not all(np.isfinite(side).all() for side in sides):
        return None
    if metric.name in {"log_loss", "brier"} and any(not_probabilities(side) for side in sides):
        return None
    if "regression" in metric.tasks:
        return _of_numbers(metric.name, truth, first, second)
    check_codes(truth, first)
    if metric.name == "auc":
        return _of_auc(truth, first, second)
    return _of_classes(metric.name, truth, first, second)


def _of_classes(name: str, label: Floats, first: Floats, second: Floats | None) -> Bounds:
    classes = 2 if first.ndim == 1 else first.shape[1]
    by_label = np.array([_gap(name, np.full(len(label), float(code)), first, second) for code in range(classes)])
    missing = np.isnan(label)
    settled = _gap(name, np.nan_to_num(label), first, second)
    low = np.where(missing, by_label.min(axis=0), settled)
    high = np.where(missing, by_label.max(axis=0), settled)
    return float(low.mean()), float(high.mean())


def _gap(name: str, label: Floats, first: Floats, second: Floats | None) -> Floats:
    loss = ROW_LOSSES[name]
    return loss(label, first) if second is None else loss(label, first) - loss(label, second)


def _of_numbers(name: str, label: Floats, first: Floats, second: Floats | None) -> Bounds | None:
    missing = np.isnan(label)
    if missing.all():
        return None
    lowest, highest = float(np.nanmin(label)), float(np.nanmax(label))
    if name == "mae":
        # Piecewise linear in the label: its extremes are at the ends of the range or at a prediction.
        ends = [np.full(len(label), at) for at in (lowest, highest)]
        kinks = [np.clip(side, lowest, highest) for side in (first, second) if side is not None]
        gaps = [_gap("mae", np.where(missing, at, label), first, second) for at in (*ends, *kinks)]
        return float(np.min(gaps, axis=0).mean()), float(np.max(gaps, axis=0).mean())
    return _of_rmse(label, first, second, (lowest, highest))


def _of_rmse(label: Floats, first: Floats, second: Floats | None, span: Bounds) -> Bounds:
    low, high = _mean_square(label, first, span)
    if second is None:
        return sqrt(low), sqrt(high)
    other = _mean_square(label, second, span)
    # sqrt(a) - sqrt(b) = (a - b) / (sqrt(a) + sqrt(b)): the difference of squares is linear in each label, so its
    # bounds are exact; dividing by the bounds of the sum makes the whole an outer bound.
    ends = [np.where(np.isnan(label), at, label) for at in span]
    gaps = [(first - at) ** 2 - (second - at) ** 2 for at in ends]
    least, most = float(np.min(gaps, axis=0).mean()), float(np.max(gaps, axis=0).mean())
    crude = sqrt(low) - sqrt(other[1]), sqrt(high) - sqrt(other[0])
    sums = sqrt(low) + sqrt(other[0]), sqrt(high) + sqrt(other[1])
    if not sums[0]:
        return crude
    return max(crude[0], min(least / at for at in sums)), min(crude[1], max(most / at for at in sums))


def _mean_square(label: Floats, prediction: Floats, span: Bounds) -> Bounds:
    missing = np.isnan(label)
    far = np.maximum(np.abs(prediction - span[0]), np.abs(prediction - span[1]))
    near = np.abs(prediction - np.clip(prediction, *span))
    settled = np.abs(prediction - np.where(missing, 0, label))
    least, most = ((np.where(missing, at, settled) ** 2).mean() for at in (near, far))
    return float(least), float(most)


def _of_auc(label: Floats, first: Floats, second: Floats | None) -> Bounds | None:
    if first.ndim == 1:
        return _of_one_auc(label, first, second)
    missing = np.isnan(label)
    if len(np.unique(label[~missing])) + np.count_nonzero(missing) < first.shape[1]:
        return None
    each: list[Bounds] = []
    for code in range(first.shape[1]):
        against_rest = np.where(missing, np.nan, label == code)
        one = _of_one_auc(against_rest, first[:, code], None if second is None else second[:, code])
        if one is None:
            return None
        each.append(one)
    low, high = np.mean(each, axis=0)
    return float(low), float(high)


def _of_one_auc(label: Floats, first: Floats, second: Floats | None) -> Bounds | None:
    """Return exact bounds: U is the positives' rank sum less a constant, so with k positives the k extreme ranks win.

    U of the difference of two scores is the positives' sum of rank differences, also linear in the labels: pairs of
    two missing rows cancel. One pass over k, the number of missing rows that are positive.
    """
    ranks = midranks(first) - (0 if second is None else midranks(second))
    missing = np.isnan(label)
    extra = np.arange(int(missing.sum()) + 1)
    positives = np.count_nonzero(label == 1) + extra
    negatives = len(label) - positives
    possible = (positives > 0) & (negatives > 0)
    if not possible.any():
        return None
    ordered = np.sort(ranks[missing])
    base = ranks[label == 1].sum() - (positives * (positives + 1) / 2 if second is None else 0)
    pairs = np.where(possible, positives * negatives, 1)
    low = (base + np.concatenate(([0], np.cumsum(ordered)))) / pairs
    high = (base + np.concatenate(([0], np.cumsum(ordered[::-1])))) / pairs
    return float(low[possible].min()), float(high[possible].max())
