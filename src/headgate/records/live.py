"""What happens after the merge: canary, predictions, labels, signals, triggers."""

from datetime import datetime
from typing import Literal

import msgspec

from headgate.names import CommitField, DigestField, NameField, Uri
from headgate.records.codec import Part, Record
from headgate.records.dataset import Window

Track = Literal["stable", "canary"]
Cause = Literal["drift", "performance", "schedule", "data", "person"]


class Revision(Part, frozen=True, kw_only=True):
    """What a Rollout revision consists of, so that a failure is blamed on what changed."""

    model: DigestField
    settings: DigestField
    """Digest of serving.yaml's pod settings (not its canary plan)."""
    chart: str
    """`<chart version>/<runtime version>` from app.yaml."""


class Answer(Part, frozen=True, kw_only=True):
    """One question's answer about one track since the step began."""

    question: str
    outcome: Literal["pass", "fail", "inconclusive", "error"]
    bad: int
    """Requests that broke the limit."""
    requests: int
    share: float | None
    low: float | None
    high: float | None
    """Anytime-valid bounds of the share."""
    limit: float
    stable_share: float | None = None
    detail: str = ""


class Analysis(Record, frozen=True, kw_only=True, tag="analysis/1"):
    """One judgement of a canary at one weight."""

    service: NameField
    environment: NameField
    commit: CommitField
    """The env repo commit whose Rollout is judged."""
    revision: Revision
    weight: int
    outcome: Literal["pass", "fail", "inconclusive", "error"]
    answers: tuple[Answer, ...]
    started_at: datetime
    ended_at: datetime
    canary_requests: int
    stable_requests: int


class LiveTag(Record, frozen=True, kw_only=True, tag="live-tag/1"):
    """The message of a `live/<environment>/<service>/<seq>` or `aborted/…` tag."""

    outcome: Literal["live", "aborted"]
    service: NameField
    environment: NameField
    seq: int
    commit: CommitField
    revision: Revision
    at: datetime
    """Event time where the ring replays, wall time otherwise."""
    analyses: tuple[Analysis, ...] = ()
    pods: str | msgspec.UnsetType = msgspec.UNSET
    """In a cluster: the pod-template hash of what was tagged, by which the same pods are known again."""


class Target(Part, frozen=True, kw_only=True):
    """What main names for a service: the revision, and the last commit that changed the service's folder."""

    commit: CommitField
    revision: Revision


class Tally(Part, frozen=True, kw_only=True):
    """What one question had counted on one track when the state was last kept, since the step began."""

    question: str
    track: Track
    bad: int
    requests: int


class EndedCanary(Part, frozen=True, kw_only=True):
    """A canary that main still may name: it is not started again for the same commit."""

    target: Target
    outcome: Literal["aborted", "ended"]
    """Aborted by a failed analysis, or ended at the deadline without guilt."""
    at: datetime


class Untold(Part, frozen=True, kw_only=True):
    """A canary's end that Git and its readers have not been told of yet."""

    outcome: Literal["live", "aborted"]
    target: Target
    at: datetime
    analyses: tuple[Analysis, ...] = ()
    reason: str = ""


class RolloutState(Record, frozen=True, kw_only=True, tag="rollout-state/1"):
    """Where a rollout stands, kept before each move is made, so that a killed ring resumes there."""

    environment: NameField
    service: NameField
    stable: Target | None = None
    canary: Target | None = None
    step: int = 0
    step_started_at: datetime | None = None
    tallies: tuple[Tally, ...] = ()
    analyses: tuple[Analysis, ...] = ()
    """Of the running canary: the one that closed each passed step."""
    ended: tuple[EndedCanary, ...] = ()
    untold: tuple[Untold, ...] = ()
    """Kept with the move that ended the canary, so that a killed ring tells it when it is back."""


class LabelledWindow(Record, frozen=True, kw_only=True, tag="labelled-window/1"):
    """The predictions of one matured window joined to their labels."""

    service: NameField
    environment: NameField
    window: Window
    model: DigestField
    """The model that gave most of the answers."""
    predictions: int
    labelled: int
    missing: int
    """Matured, and no label came."""
    duplicates: int
    """Predictions of one id more than once; the first counts."""
    late: int = 0
    """Of the missing: their label came after the window had closed, and takes no part."""
    corrections: int = 0
    """Labels that replaced another one of the same id before the window closed; the last counts."""
    models: dict[str, int] = msgspec.field(default_factory=dict)
    """How many of the predictions each model gave, when the champion changed within the window."""
    uri: Uri
    sha256: DigestField


class WindowMetric(Part, frozen=True, kw_only=True):
    """A metric of the answers served in a LabelledWindow."""

    metric: str
    value: float
    low: float
    high: float
    reference: float
    """The same metric at the gate, with which it is compared."""


class Signal(Part, frozen=True, kw_only=True):
    """A measured reason to act: one rule about one window."""

    cause: Cause
    rule: str
    """`auc low`, `psi temp`."""
    window: Window
    fired: bool
    detail: str
    value: float | None = None
    limit: float | None = None


class ColumnDrift(Part, frozen=True, kw_only=True):
    """One column's distance from the reference, beside what the reference does to itself."""

    column: str
    method: str
    distance: float | None
    null_limit: float | None
    """The largest distance of a reference block from the rest of the reference, times the policy's factor."""
    effect_limit: float
    rows: int
    missing_share: float
    unseen_share: float
    outcome: Literal["stable", "drifted", "insufficient_data"]
    expected: bool = False
    """Declared calendar or seasonal: shown, takes no part in the outcome."""
    infinite_share: float = 0.0
    is_score: bool = False
    """The model's answers; their drift counts alone."""
    reason: str = ""
    """What drifted, or what is missing: `not in the window's rows`, `text, was a number`, `missing 60 %, was 1 %`."""


class DriftReport(Record, frozen=True, kw_only=True, tag="drift-report/1"):
    """How far one window of served inputs and scores is from the champion's training rows."""

    service: NameField
    environment: NameField
    window: Window
    reference: DigestField
    rows: int
    rows_needed: int
    columns: tuple[ColumnDrift, ...]
    outcome: Literal["stable", "drifted", "insufficient_data"]


class Observed(Record, frozen=True, kw_only=True, tag="observed/1"):
    """One matured window of one champion's answers, measured."""

    service: NameField
    environment: NameField
    champion: DigestField
    window: Window
    labelled: LabelledWindow
    metrics: tuple[WindowMetric, ...]
    signals: tuple[Signal, ...]
    drift: DriftReport


class Heard(Record, frozen=True, kw_only=True, tag="heard/1"):
    """A signal that somebody outside sent about the champion of that time."""

    service: NameField
    environment: NameField
    champion: DigestField
    signal: Signal


class Trigger(Record, frozen=True, kw_only=True, tag="trigger/1"):
    """The decision to retrain: one cause, once."""

    service: NameField
    environment: NameField
    cause: Cause
    rule: str
    key: str
    """12 hex characters of hash(service, environment, rule, reference, window bucket); names the run."""
    window: Window
    """The last window that fired; gate rows come after its end."""
    at: datetime
    detail: str
    code: str = ""
    """Digest of the service's code when it was decided; a run that ends without a model is known by it."""
    attempt: int = 1
