"""How sure are we of a metric? Rows of one cluster, a day or a customer, are dependent.

Influence values are summed by cluster and their squares added up: Obuchowski 1997 for AUC, DeLong 1988 when every row
is its own cluster. A cluster that holds the share h of the rows pulls the value towards itself, so its sum is divided
by 1 - h, which is what leaving it out would show (the jackknife; Bell & McCaffrey 2002), and the degrees of freedom are
the effective number of clusters less one (Carter, Schnepel & Steigerwald 2017). With G clusters of equal size this is
the plain G / (G - 1). Without it, a few big customers among small ones make a level of 0.025 into 0.12.
"""

from math import isfinite, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headgate.errors import PermanentError
from headgate.records.judgement import Estimate
from headgate.stats.metrics import Scored, Undefined

MOST_CLUSTERS = 1_000_000
"""Beyond this `clusters_needed` says None: nobody waits so long."""


def estimate(scored: Scored | Undefined, clusters: ArrayLike | None = None) -> Estimate | Undefined:
    """Return the value with its standard error clustered by `clusters` (None: rows are declared independent)."""
    if isinstance(scored, Undefined):
        return scored
    rows = len(scored.influence)
    codes, count = cluster_codes(clusters, rows)
    if count < 2:
        return Undefined(f"all {rows} rows are in one cluster; expected at least two to know an error")
    sums = np.bincount(codes, weights=scored.influence, minlength=count)
    sizes = np.bincount(codes, minlength=count)
    squares = (sums / (1 - sizes / rows)) ** 2
    error = sqrt((count - 1) / count * float(squares.sum())) / rows
    freedom = max(1.0, rows**2 / int((sizes**2).sum()) - 1)
    return Estimate(value=scored.value, standard_error=error, rows=rows, clusters=count, freedom=freedom)


def paired(
    candidate: Scored | Undefined, other: Scored | Undefined, clusters: ArrayLike | None = None
) -> Estimate | Undefined:
    """Return candidate minus other on the same rows, with the error of the difference."""
    for side in (candidate, other):
        if isinstance(side, Undefined):
            return side
    return estimate(difference(candidate, other), clusters)  # type: ignore[arg-type]  # both are Scored by now


def difference(candidate: Scored, other: Scored) -> Scored:
    """Return candidate minus other as a metric of its own."""
    if len(candidate.influence) != len(other.influence):
        raise PermanentError(
            f"{len(candidate.influence)} rows of the candidate and {len(other.influence)} of the other don't pair",
            next_step="score both on the same rows",
        )
    return Scored(candidate.value - other.value, candidate.influence - other.influence)


def interval(estimated: Estimate, alpha: float) -> tuple[float, float]:
    """Return the two-sided 1 - alpha interval, by Student's t with the estimate's degrees of freedom.

    >>> low, high = interval(Estimate(value=0.1, standard_error=0.05, rows=900, clusters=21), 0.05)
    >>> round(low, 4), round(high, 4)
    (-0.0043, 0.2043)
    """
    check_level(alpha)
    from scipy import special  # noqa: PLC0415 - 0.13 s that only intervals need

    reach = float(special.stdtrit(degrees(estimated), 1 - alpha / 2)) * estimated.standard_error
    return estimated.value - reach, estimated.value + reach


def degrees(estimated: Estimate) -> float:
    """Return the degrees of freedom of an estimate's error."""
    return estimated.clusters - 1 if estimated.freedom is None else estimated.freedom


def clusters_needed(
    standard_error: float, clusters: int, distance: float, alpha: float, power: float = 0.8
) -> int | None:
    """Return how many clusters in all would show a true effect `distance` past the limit, None when no number would.

    From the design's standard error, never from the observed effect (Hoenig & Heisey 2001); the error is taken to
    shrink with the root of the number of clusters.

    >>> clusters_needed(standard_error=0.004, clusters=21, distance=0.01, alpha=0.05)
    29
    """
    check_level(alpha)
    if distance <= 0 or clusters < 2 or not isfinite(standard_error):
        return None
    from scipy import special  # noqa: PLC0415 - as above

    spread = standard_error * sqrt(clusters)
    few, many = 2, MOST_CLUSTERS
    while few < many:
        middle = (few + many) // 2
        reach = special.stdtrit(middle - 1, 1 - alpha / 2) + special.stdtrit(middle - 1, power)
        if float(reach) * spread / sqrt(middle) <= distance:
            many = middle
        else:
            few = middle + 1
    return few if few < MOST_CLUSTERS else None


def cluster_codes(clusters: ArrayLike | None, rows: int) -> tuple[NDArray[np.intp], int]:
    """Return codes 0 … count - 1 and their count, in the order of the cluster values."""
    if clusters is None:
        return np.arange(rows), rows
    values = np.asarray(clusters)
    if values.shape != (rows,):
        raise PermanentError(f"clusters of shape {values.shape} don't pair with {rows} rows")
    distinct, codes = np.unique(values, return_inverse=True)
    return codes, len(distinct)


def check_level(alpha: float) -> None:
    """Refuse a level that is none."""
    if not 0 < alpha < 1:
        raise PermanentError(f"alpha {alpha!r} is no level; expected a number between 0 and 1")
