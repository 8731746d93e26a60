"""What was measured, and what the gate makes of it."""

from datetime import datetime
from typing import Literal

from headgate.names import DigestField, NameField, Uri
from headgate.records.codec import Part, Record
from headgate.records.dataset import Window
from headgate.records.model import Model

Role = Literal["candidate", "champion", "anchor", "baseline"]
VerdictOutcome = Literal["pass", "fail", "inconclusive"]


class Estimate(Part, frozen=True, kw_only=True):
    """A number with its standard error; intervals are made from it at the policy's level."""

    value: float
    standard_error: float
    """Clustered; NaN is never stored: an unknown error is infinity-free None in `Comparison`."""
    rows: int
    clusters: int
    """Independent groups, for instance days; degrees of freedom are one fewer, or `freedom`."""
    freedom: float | None = None
    """Degrees of freedom where clusters are of unequal size: one fewer than their effective number."""


class Measured(Part, frozen=True, kw_only=True):
    """One metric of one role on the gate rows."""

    metric: str
    role: Role
    estimate: Estimate | None
    """None when it cannot be computed (one class only, a NaN score)."""
    reason: str | None = None


class Comparison(Part, frozen=True, kw_only=True):
    """Candidate minus another role, paired on the same rows, in the metric's own direction."""

    metric: str
    against: Role
    delta: Estimate | None
    worst_case: tuple[float, float] | None = None
    """Manski bounds of the delta over the labels that never came."""
    reason: str | None = None
    """Why there is no delta."""


class Slice(Part, frozen=True, kw_only=True):
    """Candidate minus champion on the rows of one group."""

    name: str
    """`origin=EWR`."""
    metric: str
    candidate: float | None
    champion: float | None
    delta: Estimate | None
    rows: int
    clusters: int
    reason: str | None = None
    """Why there is no delta."""


class Calibration(Part, frozen=True, kw_only=True):
    """Observed minus predicted mean, and the expected calibration error over ten equal-count bins."""

    role: Role
    in_the_large: Estimate
    expected_error: float
    bins: tuple[tuple[float, float, int], ...]
    """(mean prediction, observed share, rows) by bin."""


class Latency(Part, frozen=True, kw_only=True):
    """Measured on the packaged model at batch 1; milliseconds of CPU time, all threads."""

    p50_ms: float
    p99_ms: float
    calls: int


class Leak(Part, frozen=True, kw_only=True):
    """How well one feature alone predicts the label (AUC, or absolute rank correlation for regression)."""

    feature: str
    score: float


class Evaluation(Record, frozen=True, kw_only=True, tag="evaluation/1"):
    """Candidate, champion, anchor and baseline on the same gate rows."""

    model: Model
    champion: Model | None
    anchor: Model | None
    window: Window | None
    rows: int
    clusters: int
    clustered_by: str | None
    metrics: tuple[Measured, ...]
    comparisons: tuple[Comparison, ...]
    slices: tuple[Slice, ...]
    calibration: tuple[Calibration, ...]
    latency: Latency
    leaks: tuple[Leak, ...]
    """The strongest single features, strongest first."""
    labels_missing: int
    rows_missing_share: float
    overlap_rows: int
    """Gate rows whose id was also among the candidate's train or tune rows."""
    duplicate_ids: int
    predictions_uri: Uri
    predictions_sha256: DigestField
    """Parquet: id, time, cluster, label, candidate, champion, anchor, baseline and slice columns."""
    look: int
    """How often this holdout has been looked at, this time included."""


class Number(Part, frozen=True, kw_only=True):
    """One labelled number of a finding, with its interval where there is one."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None


class Finding(Part, frozen=True, kw_only=True):
    """One rule's answer."""

    rule: str
    """`gain auc`: kind first, then what it looked at."""
    outcome: VerdictOutcome
    severity: Literal["error", "warning"] = "error"
    """A warning is shown and never decides."""
    reason: str
    limit: str
    """The policy's condition as people read it: `> 0`."""
    numbers: tuple[Number, ...] = ()
    days_needed: int | None = None
    """About how many more days (clusters) would settle an inconclusive one."""


class Verdict(Record, frozen=True, kw_only=True, tag="verdict/1"):
    """The gate's answer; `pass` only when every rule passes."""

    service: NameField
    outcome: VerdictOutcome
    findings: tuple[Finding, ...]
    policy: str
    """`balanced@<digest, first 12>`."""
    alpha: float
    """Two-sided level spent on this look: three quarters of the pack's alpha at the first."""
    look: int
    model: Model
    champion: DigestField | None
    anchor: DigestField | None
    evaluation: DigestField
    """The Evaluation's digest: the evidence, stored under it."""
    judged_at: datetime | None
    """Event time up to which labels were known."""


def evidence_uri(digest: str) -> Uri:
    """Return where a store keeps what a verdict rests on, and the verdict.

    >>> evidence_uri("1f0c2a")
    'evidence/1f0c2a.json'
    """
    return Uri(f"evidence/{digest}.json")
