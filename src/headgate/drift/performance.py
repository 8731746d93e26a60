"""Are a window's answers worse than the model was at its gate? By more than weeks differ anyway."""

from math import isfinite, sqrt

from headgate.records.dataset import Window
from headgate.records.judgement import Estimate
from headgate.records.live import Signal, WindowMetric
from headgate.specs.drift import Performance
from headgate.stats.clustered import degrees, interval
from headgate.stats.metrics import METRICS, Undefined, known

MOST_FREEDOM = 1e9
"""Student's t with more degrees of freedom is the normal; `stdtrit` wants a finite number."""


def signal(
    served: Estimate | Undefined, at_gate: Estimate | Undefined, metric: str, window: Window, policy: Performance
) -> Signal:
    """Return the performance signal of one metric; it fires when the drop is credibly larger than the floor.

    The drop is gate minus window where higher is better, window minus gate for a loss. Its one-sided lower bound is
    Welch's: both standard errors clustered, degrees of freedom by Welch & Satterthwaite from those of each side.
    """
    rule = rule_name(metric)
    silent = why_silent(served, at_gate, policy)
    if silent or isinstance(served, Undefined) or isinstance(at_gate, Undefined):
        return Signal(cause="performance", rule=rule, window=window, fired=False, detail=f"{metric}: {silent}")
    drop, low = drop_with_bound(served, at_gate, metric, policy.alpha)
    limit = floor(at_gate, metric, policy)
    return Signal(
        cause="performance",
        rule=rule,
        window=window,
        fired=low > limit,
        detail=f"{metric} {served.value:.4f}, {at_gate.value:.4f} at the gate: worse by {drop:.4f}, credibly by "
        f"{low:.4f}, limit {limit:.4f} ({served.rows:,} rows, {served.clusters} clusters)",
        value=low,
        limit=limit,
    )


def drop_with_bound(served: Estimate, at_gate: Estimate, metric: str, alpha: float) -> tuple[float, float]:
    """Return how much worse the window is than the gate (positive: worse), and the bound it exceeds credibly."""
    drop = at_gate.value - served.value if METRICS[metric].higher_is_better else served.value - at_gate.value
    error = sqrt(served.standard_error**2 + at_gate.standard_error**2)
    from scipy import special  # noqa: PLC0415 - 0.13 s that only intervals need

    reach = float(special.stdtrit(freedom(served, at_gate), 1 - alpha)) * error
    return drop, drop - reach


def freedom(one: Estimate, other: Estimate) -> float:
    """Return the degrees of freedom of a difference of independent estimates (Welch 1947, Satterthwaite 1946)."""
    parts = [(side.standard_error**2, degrees(side)) for side in (one, other)]
    total = sum(variance for variance, _ in parts)
    if not total:
        return MOST_FREEDOM
    # Shares of the variance and not variances: their squares do not underflow.
    return min(1 / sum((variance / total) ** 2 / own for variance, own in parts), MOST_FREEDOM)


def floor(at_gate: Estimate, metric: str, policy: Performance) -> float:
    """Return the smallest drop that matters."""
    return policy.drop if METRICS[metric].higher_is_better else policy.relative_drop * abs(at_gate.value)


def why_silent(served: Estimate | Undefined, at_gate: Estimate | Undefined, policy: Performance) -> str | None:
    """Return why the window is no evidence, None when it is."""
    for side, place in ((served, "in the window"), (at_gate, "at the gate")):
        if isinstance(side, Undefined):
            return f"not known {place}: {side.reason}"
        if not (isfinite(side.value) and isfinite(side.standard_error)) or side.clusters < 2:
            return f"its error {place} is not known ({side.rows:,} rows, {side.clusters} clusters)"
    if isinstance(served, Estimate) and served.rows < policy.min_rows:
        return f"{served.rows:,} labelled rows, {policy.min_rows:,} needed"
    if isinstance(served, Estimate) and served.clusters < policy.min_clusters:
        return f"{served.clusters} clusters, {policy.min_clusters} needed"
    return None


def window_metric(served: Estimate, at_gate: Estimate, metric: str, alpha: float) -> WindowMetric:
    """Return the window's value with its two-sided 1 - alpha interval, beside the value at the gate."""
    low, high = interval(served, alpha)
    return WindowMetric(metric=metric, value=served.value, low=low, high=high, reference=at_gate.value)


def rule_name(metric: str) -> str:
    """Return the rule's name.

    >>> rule_name("auc"), rule_name("log_loss")
    ('auc low', 'log_loss high')
    """
    return f"{metric} {'low' if known(metric).higher_is_better else 'high'}"
