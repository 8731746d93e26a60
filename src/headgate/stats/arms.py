"""What does one arm of an experiment have over the other? A difference of means that knows which row moved it."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headgate.errors import PermanentError
from headgate.stats.metrics import Scored, Undefined

Floats = NDArray[np.float64]


def difference(outcome: ArrayLike, treated: ArrayLike) -> Scored | Undefined:
    """Return the mean outcome of treated rows minus that of the others; the error is `clustered.estimate`'s.

    Cluster by what was assigned, a customer and not a row: rows of one key are treated alike.

    >>> difference([1.0, 0.0, 1.0, 1.0], [False, False, True, True]).value
    0.5
    """
    values, arm = np.asarray(outcome, dtype=np.float64), np.asarray(treated, dtype=np.bool_)
    if values.shape != arm.shape or values.ndim != 1:
        raise PermanentError(f"outcomes of shape {values.shape} don't pair with arms of shape {arm.shape}")
    if not np.isfinite(values).all():
        return Undefined("an outcome is no number")
    if arm.all() or not arm.any():
        return Undefined("all rows are in one arm")
    one, other = float(values[arm].mean()), float(values[~arm].mean())
    rows = len(values)
    influence = np.where(arm, (values - one) * (rows / arm.sum()), (other - values) * (rows / (~arm).sum()))
    return Scored(one - other, influence)
