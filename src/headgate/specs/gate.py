"""Policy: the rules a candidate is judged by, committed before the run they judge."""

from typing import Annotated, Literal

from msgspec import Meta

from headgate.specs.reading import Spec

Positive = Annotated[float, Meta(gt=0)]
"""A difference in the metric's units; for rmse and mae, whose unit is the label's, a share of the baseline's value."""

Severity = Literal["error", "warning"]


class Rule(Spec, frozen=True, kw_only=True, tag_field="rule"):
    """One condition; a `warning` is shown and never decides."""

    severity: Severity = "error"
    """An error decides; a warning is only said."""


class Floor(Rule, frozen=True, kw_only=True, tag="floor"):
    """The metric itself is credibly better than an absolute limit."""

    metric: str | None = None
    """None: the service's first metric."""
    limit: float
    """In the metric's own units."""
    detect: Positive = 0.02
    """How far beyond the limit the rows must be able to tell; with fewer the answer is `inconclusive`."""


class Baseline(Rule, frozen=True, kw_only=True, tag="baseline"):
    """Credibly better than the trivial predictor (the training rows' class shares, or mean)."""

    metric: str | None = None
    """None: the service's first metric."""
    detect: Positive = 0.05
    """A lead over the baseline that the rows must be able to show; with fewer the answer is `inconclusive`."""


class Gain(Rule, frozen=True, kw_only=True, tag="gain"):
    """Credibly better than the champion by more than `more_than`, in the direction that is better."""

    metric: str | None = None
    """None: the service's first metric."""
    more_than: float = 0.0
    """In the metric's own units; 0: any credible gain."""
    detect: Positive = 0.01
    """A gain worth waiting for: rows that could have shown it and did not mean a tie, which keeps the champion."""


class NonInferior(Rule, frozen=True, kw_only=True, tag="non_inferior"):
    """Credibly not worse than another role by `margin`."""

    metric: str | None = None
    """None: the service's first metric."""
    against: Literal["champion", "anchor"] = "anchor"
    """Which role."""
    margin: Positive = 0.005
    """A loss as large as this would matter."""


class Slices(Rule, frozen=True, kw_only=True, tag="slices"):
    """No judged slice is worse than the champion by `margin`."""

    metric: str | None = None
    """None: the service's first metric."""
    margin: Positive = 0.02
    """A loss as large as this would matter."""
    min_rows: int = 500
    """Smaller slices are listed, not judged."""
    min_clusters: int = 7
    """Likewise; fewer say nothing about their own spread."""
    require: Literal["no_harm_shown", "non_inferior"] = "no_harm_shown"
    """no_harm_shown fails on credible harm beyond the margin; non_inferior asks for proof on every slice."""


class Calibrated(Rule, frozen=True, kw_only=True, tag="calibrated"):
    """Mean prediction and observed mean agree within `in_the_large`; calibration error within `expected_error`."""

    in_the_large: Positive = 0.05
    """In the label's unit for binary and multiclass; for regression a share of the baseline's rmse."""
    expected_error: Positive = 0.1
    """Likewise."""
    require: Literal["no_harm_shown", "proof"] = "no_harm_shown"
    """no_harm_shown fails on credible miscalibration beyond the limit; proof asks for the whole interval inside it."""


class MaxLatency(Rule, frozen=True, kw_only=True, tag="latency"):
    """p99 of the packaged model at batch 1, milliseconds of CPU time."""

    p99_ms: Annotated[float, Meta(gt=0)] = 20.0
    """99 of 100 answers are quicker, in milliseconds."""


class EnoughRows(Rule, frozen=True, kw_only=True, tag="enough"):
    """The gate rows are many, and from enough independent clusters."""

    rows: int = 500
    """Labelled gate rows at the least."""
    clusters: int = 14
    """Independent clusters, for instance days, at the least."""
    per_class: int = 10
    """Of a binary task's rarer class: with three an AUC's interval lets chance through in 7 of 100, with ten in 1.5."""


class NoOverlap(Rule, frozen=True, kw_only=True, tag="overlap"):
    """Neither candidate nor champion saw the gate rows: windows apart by the gap, ids disjoint."""


class NoLeak(Rule, frozen=True, kw_only=True, tag="leak"):
    """No single feature predicts the label almost perfectly."""

    limit: Annotated[float, Meta(gt=0.5, le=1)] = 0.98
    """AUC, or its like, of the strongest single feature."""


class FreshChampion(Rule, frozen=True, kw_only=True, tag="fresh_champion"):
    """The champion compared with is still the one on the env repo's main."""


class LabelsCame(Rule, frozen=True, kw_only=True, tag="labels"):
    """Few labels are missing; beyond `share` the worst case is shown."""

    share: Annotated[float, Meta(gt=0, lt=1)] = 0.1
    """Of the gate rows' labels."""


class Looks(Rule, frozen=True, kw_only=True, tag="looks"):
    """One holdout is not looked at too often; alpha shrinks with each look."""

    at_most: Annotated[int, Meta(ge=1)] = 5
    """Looks at one holdout."""


AnyRule = (
    Floor
    | Baseline
    | Gain
    | NonInferior
    | Slices
    | Calibrated
    | MaxLatency
    | EnoughRows
    | NoOverlap
    | NoLeak
    | FreshChampion
    | LabelsCame
    | Looks
)


class Gate(Spec, frozen=True, kw_only=True):
    """A pack by name, and the service's own rules, which replace the pack's of the same kind and metric."""

    policy: str = "balanced"
    """`balanced`, `strict` or `permissive`."""
    alpha: Annotated[float, Meta(gt=0, lt=0.5)] | None = None
    """None: the pack's. Two-sided, for all looks at one holdout: by chance it promotes in half as many."""
    rules: tuple[AnyRule, ...] = ()
    """Each takes the place of the pack's of its kind and metric."""


class Pack(Spec, frozen=True, kw_only=True):
    """A policy pack: what a Gate's name refers to."""

    pack: str
    why: str
    alpha: Annotated[float, Meta(gt=0, lt=0.5)] = 0.05
    """Two-sided level of all looks at one holdout; the first spends three quarters of it (`stats.spending`)."""
    rules: tuple[AnyRule, ...]
