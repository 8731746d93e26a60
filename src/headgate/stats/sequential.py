"""How large is a share, when we look after every request? Bounds that hold at all looks at once."""

from math import log

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
