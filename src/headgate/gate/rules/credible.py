"""Does an interval prove a claim, refute it, or say neither? The one decision of every statistical rule.

A claim is "better than `limit`". `aim` lies beyond the limit, in the better direction: a value that the rows
must be able to tell from the limit (power 0.8, from the design's standard error, never from the effect seen).

pass          the whole interval is better than the limit
fail          the whole interval is worse than the aim; or the rows could have shown the aim, and did not
inconclusive  otherwise: the interval is too wide, and about `more_clusters` would make it narrow enough
"""

from dataclasses import dataclass

from headgate.records.judgement import Estimate, VerdictOutcome
from headgate.stats.clustered import clusters_needed, interval

POWER = 0.8
WORST_FIRST = ("fail", "inconclusive", "pass")


@dataclass(frozen=True)
class Claim:
    """What the interval says about one claim; bounds in the estimate's own direction."""

    outcome: VerdictOutcome
    low: float
    high: float
    more_clusters: int | None = None
    """None beside `inconclusive`: more than anybody waits for."""


def claim(estimate: Estimate, limit: float, aim: float, alpha: float) -> Claim:
    """Return whether `estimate` is credibly beyond `limit`, on the side where `aim` is."""
    sign = 1 if aim > limit else -1
    low, high = interval(estimate, alpha)
    worst, best = (low, high) if sign > 0 else (-high, -low)
    if worst > sign * limit:
        return Claim("pass", low, high)
    needed = clusters_needed(estimate.standard_error, estimate.clusters, abs(aim - limit), alpha, POWER)
    if best < sign * aim or (needed is not None and needed <= estimate.clusters):
        return Claim("fail", low, high)
    return Claim("inconclusive", low, high, None if needed is None else needed - estimate.clusters)


def harm(estimate: Estimate, low_limit: float, high_limit: float, alpha: float) -> Claim:
    """Return `fail` where the estimate is credibly outside the limits, and `pass` where that is not shown."""
    low, high = interval(estimate, alpha)
    return Claim("fail" if high < low_limit or low > high_limit else "pass", low, high)


def within(estimate: Estimate, limit: float, alpha: float) -> Claim:
    """Return whether the estimate is credibly within `limit` of zero on both sides (two one-sided tests)."""
    sides = claim(estimate, limit, 0.0, alpha), claim(estimate, -limit, 0.0, alpha)
    return min(sides, key=lambda side: WORST_FIRST.index(side.outcome))
