"""What a ring did over a stretch of event time, in order: the demo's outcome, and the report's input."""

from datetime import datetime

import msgspec

from headgate.records.codec import Part, Record
from headgate.records.dataset import Check, Window
from headgate.records.judgement import Finding, VerdictOutcome
from headgate.records.live import Analysis, DriftReport, Signal


class Hop(Part, frozen=True, kw_only=True):
    """One thing that happened."""

    name: str
    """A verb, or `merge`, `canary`, `live`, `abort`, `traffic`."""
    event_time: datetime
    wall_seconds: float
    """Since the story began."""
    outcome: str
    detail: str


class PromotionNote(Part, frozen=True, kw_only=True):
    """A model that was proposed, merged and reached live."""

    model: str
    pull_request: int
    verdict: str
    replaces: str | None
    live_at: datetime
    detail: str = ""


class RefusalNote(Part, frozen=True, kw_only=True):
    """A candidate or a dataset that was stopped, and why."""

    what: str
    by: str
    """`gate`, `validate`, `canary` or `ban`."""
    outcome: str
    reason: str
    event_time: datetime
    checks: tuple[Check, ...] = ()
    """What a dataset broke."""
    next_step: str = ""


class VerdictNote(Part, frozen=True, kw_only=True):
    """What the gate found of one candidate, and what became of it."""

    model: str
    outcome: VerdictOutcome
    policy: str
    look: int
    alpha: float
    judged_at: datetime | None
    gate: Window | None
    gate_rows: int
    train_end: datetime | None
    champion: str | None
    findings: tuple[Finding, ...]
    pull_request: int | None = None


class LookNote(Part, frozen=True, kw_only=True):
    """One question of a canary at one moment, between its beginning and its end."""

    commit: str
    weight: int
    question: str
    wall_seconds: float
    """Since the story began."""
    bad: int
    requests: int
    low: float | None
    high: float | None
    limit: float


class Requests(Part, frozen=True, kw_only=True):
    """What the client counted; it does not retry."""

    sent: int
    rows: int
    failed_outside_fault: int
    failed_in_fault: int
    spoiled_in_fault: int
    """Answers that broke a canary question's limit while the fault was in."""
    canary_plan: int
    """How many requests the aborted canary would have taken, had it gone all its steps."""
    fault_from: datetime | None
    """Wall time."""
    fault_to: datetime | None


class SplitNote(Part, frozen=True, kw_only=True):
    """One canary step's traffic as the client saw it."""

    model: str
    weight: float
    """Share asked for."""
    measured: float
    requests: int
    """Answers of both tracks at this weight."""
    commit: str = ""


class WindowPoint(Part, frozen=True, kw_only=True):
    """One matured window of the served model."""

    end: datetime
    metric: str
    value: float
    low: float
    high: float
    reference: float
    fired: bool
    model: str


class Story(Record, frozen=True, kw_only=True, tag="story/1"):
    """Everything the demo shows."""

    service: str
    environment: str
    hops: tuple[Hop, ...]
    promotions: tuple[PromotionNote, ...]
    refusals: tuple[RefusalNote, ...]
    requests: Requests
    split: tuple[SplitNote, ...]
    auc: dict[str, dict[str, float]]
    """`ring` and `frozen` → month → AUC of the logged answers on the same rows."""
    rows_by_month: dict[str, int]
    windows: tuple[WindowPoint, ...]
    drift: tuple[DriftReport, ...]
    analyses: tuple[Analysis, ...]
    signals: tuple[Signal, ...]
    bodies: dict[str, str]
    """Pull request number → body."""
    git_log: str
    env_repo: str
    report: str
    peak_rss_mb: float
    seconds: float
    verdicts: tuple[VerdictNote, ...] = ()
    looks: tuple[LookNote, ...] = ()
    """Thinned: enough of them to draw a canary's course."""
    provenance: dict[str, str] = msgspec.field(default_factory=dict)
    """What made this story: versions, machine, policy, commit."""
