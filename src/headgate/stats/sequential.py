"""How large is a share or a mean, when we look after every request? Bounds that hold at all looks at once."""

from math import log, log1p, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from headgate.errors import PermanentError

PRIOR_BAD = 0.5
PRIOR_GOOD = 5.0
"""The Beta(1/2, 5) mixture: any choice is valid; this one is sharpest for the small shares a canary is held to."""
STEPS = 60
"""Halvings of a bound's bracket: below 1e-17."""


def log_evidence(bad: ArrayLike, requests: ArrayLike, share: ArrayLike) -> NDArray[np.float64]:
    """Return the log of how much better the mixture explains the counts than the one true `share` would.

    If `share` is true this is a martingale's log, so it ever reaches log(1/alpha) with probability <= alpha (Ville
    1939, Robbins 1970): that is what makes peeking free. Cumulative counts only, never a sliding window.
    """
    failed, total, p = np.asarray(bad, float), np.asarray(requests, float), np.asarray(share, float)
    mixture = special.betaln(PRIOR_BAD + failed, PRIOR_GOOD + total - failed) - special.betaln(PRIOR_BAD, PRIOR_GOOD)
    return np.asarray(mixture - special.xlogy(failed, p) - special.xlog1py(total - failed, -p))


def bernoulli_bounds(bad: int, requests: int, alpha: float) -> tuple[float, float]:
    """Return bounds of the true share, valid at every number of requests at once with probability 1 - alpha.

    A Beta-binomial mixture confidence sequence (Robbins 1970; Howard, Ramdas, McAuliffe & Sekhon 2021). Counts are
    cumulative since the step began; requests are taken as independent given the share.

    >>> low, high = bernoulli_bounds(bad=3, requests=3, alpha=0.05)
    >>> low > 0.01, high
    (True, 1.0)
    """
    if not 0 <= bad <= requests:
        raise PermanentError(f"{bad} bad of {requests} requests is no count; expected 0 <= bad <= requests")
    if not 0 < alpha < 1:
        raise PermanentError(f"alpha {alpha!r} is no level; expected a number between 0 and 1")
    if requests == 0:
        return 0.0, 1.0
    top, bar = bad / requests, log(1 / alpha)
    low = _edge(bad, requests, outside=0.0, inside=top, bar=bar) if bad else 0.0
    high = _edge(bad, requests, outside=1.0, inside=top, bar=bar) if bad < requests else 1.0
    return low, high


def _edge(bad: int, requests: int, outside: float, inside: float, bar: float) -> float:
    # Evidence against a share grows on both sides of bad/requests (it is convex), so halving finds the one crossing;
    # returning the outer end keeps the bound valid to the last bit.
    for _ in range(STEPS):
        middle = (outside + inside) / 2
        if float(log_evidence(bad, requests, middle)) >= bar:
            outside = middle
        else:
            inside = middle
    return outside


def mean_bounds(value: float, standard_error: float, effect: float, alpha: float) -> tuple[float, float]:
    """Return bounds of a mean or a difference of means, valid at every look at once with probability 1 - alpha.

    A normal mixture confidence sequence (Robbins 1970; Johari, Koomen, Pekelis & Walsh 2022) in the information
    1 / standard_error², sharpest when that is about 1 / effect². Asymptotic (Waudby-Smith et al. 2024): the estimate
    must be near normal at every look that counts, so first looks want some dozens of clusters.

    >>> low, high = mean_bounds(0.02, 0.004, effect=0.01, alpha=0.05)
    >>> round(low, 4), round(high, 4)
    (0.0078, 0.0322)
    """
    if not 0 < alpha < 1:
        raise PermanentError(f"alpha {alpha!r} is no level; expected a number between 0 and 1")
    if not effect > 0:
        raise PermanentError(f"effect {effect!r} is no size; expected a number above 0")
    if not standard_error >= 0:
        raise PermanentError(f"standard error {standard_error!r} is none; expected 0 or more")
    if standard_error == 0:
        return value, value
    variance, mixture = standard_error**2, effect**2
    reach = sqrt(variance * (1 + variance / mixture) * (2 * log(1 / alpha) + log1p(mixture / variance)))
    return value - reach, value + reach
