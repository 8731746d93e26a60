"""Do predictions mean what they say? The mean in the large, and the error over ten equal-count bins."""

import numpy as np

from headgate.evaluate.frame import Floats, Taken
from headgate.records.judgement import Calibration, Role
from headgate.stats.clustered import estimate
from headgate.stats.metrics import Scored, Undefined

BINS = 10


def calibration(taken: Taken, role: Role) -> Calibration | None:
    """Return how a role's predictions agree with what was observed, None where that cannot be computed.

    binary: probability beside label. multiclass: the largest probability beside whether its class was right.
    regression: prediction beside label.
    """
    predicted, observed = sides(taken.by_role[role], taken.label)
    if not len(predicted) or not np.isfinite(predicted).all():
        return None
    gap = observed - predicted
    in_the_large = estimate(Scored(float(gap.mean()), gap - gap.mean()), taken.clusters)
    if isinstance(in_the_large, Undefined):
        return None
    bins = equal_count_bins(predicted, observed)
    error = sum(abs(seen - said) * rows for said, seen, rows in bins) / len(predicted)
    return Calibration(role=role, in_the_large=in_the_large, expected_error=error, bins=bins)


def sides(prediction: Floats, label: Floats) -> tuple[Floats, Floats]:
    """Return what was predicted and what was observed, one number a row each."""
    if prediction.ndim == 1:
        return prediction, label
    return prediction.max(axis=1, initial=0.0), (prediction.argmax(axis=1) == label).astype(np.float64)


def equal_count_bins(predicted: Floats, observed: Floats) -> tuple[tuple[float, float, int], ...]:
    """Return (mean predicted, mean observed, rows) by bin, in the order of the predictions."""
    order = np.argsort(predicted, kind="stable")
    chunks = np.array_split(order, min(BINS, len(order)))
    return tuple((float(predicted[rows].mean()), float(observed[rows].mean()), len(rows)) for rows in chunks)
