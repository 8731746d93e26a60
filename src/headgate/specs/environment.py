"""The env repo's files: people edit app.yaml and serving.yaml, Headgate edits version.yaml and bans.yaml."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from msgspec import Meta, field

from headgate.names import CommitField, DigestField, NameField
from headgate.records.live import Cause
from headgate.specs.canary import Canary
from headgate.specs.reading import Spec


class Faults(Spec, frozen=True, kw_only=True):
    """Faults put in on purpose, to try the canary; all off by default."""

    delay_ms: Annotated[float, Meta(ge=0, le=60_000)] = 0.0
    fail_share: Annotated[float, Meta(ge=0, le=1)] = 0.0


class App(Spec, frozen=True, kw_only=True):
    """app.yaml: which chart and runtime version render the service."""

    chart: str = "0.1.0"
    runtime: str = "0.1.0"


class Serving(Spec, frozen=True, kw_only=True):
    """serving.yaml: how the model is run; the canary plan is here because it is the environment's choice."""

    replicas: Annotated[int, Meta(ge=1, le=100)] = 1
    threads: Annotated[int, Meta(ge=1, le=64)] = 1
    """ONNX Runtime intra-op threads per worker."""
    faults: Faults = field(default_factory=Faults)
    canary: Canary | None = None


class ModelPin(Spec, frozen=True, kw_only=True):
    """Which model, by digest."""

    name: NameField
    version: str
    sha256: DigestField


class DataPin(Spec, frozen=True, kw_only=True):
    """Which rows made it."""

    sha256: DigestField
    start: datetime | None = None
    end: datetime | None = None
    train_end: datetime | None = None
    tune_end: datetime | None = None


class CauseNote(Spec, frozen=True, kw_only=True):
    """Why this model was made."""

    cause: Cause
    detail: str
    trigger: str | None = None


class Version(Spec, frozen=True, kw_only=True, rename={"storage_uri": "storageUri"}):
    """version.yaml: the one file a promotion edits. The chart reads only `storageUri`; the rest is why."""

    storage_uri: str
    model: ModelPin
    dataset: DataPin
    code: str
    commit: str | None = None
    lock: str
    seed: int
    verdict: DigestField
    evidence: DigestField
    summary: str
    """The verdict's leading line, as in the pull request's first table row."""
    replaces: DigestField | None = None
    cause: CauseNote
    run: str | None = None


class Ban(Spec, frozen=True, kw_only=True):
    """A pair that failed its canary: not proposed again until `headgate unban`."""

    model: DigestField
    settings: DigestField
    commit: CommitField
    """The env repo commit that failed."""
    reason: str
    at: datetime


class Bans(Spec, frozen=True, kw_only=True):
    """bans.yaml."""

    bans: tuple[Ban, ...] = ()


class EnvironmentOrder(Spec, frozen=True, kw_only=True):
    """One environment in promotion.yaml."""

    name: NameField
    after: NameField | None = None
    soak: timedelta = timedelta(0)
    reverts_merge: Literal["by_rule", "by_person"] = "by_rule"
    promotions_merge: Literal["by_rule", "by_person"] = "by_person"


class Promotion(Spec, frozen=True, kw_only=True):
    """promotion.yaml: the order of environments."""

    environments: tuple[EnvironmentOrder, ...]


class Environment(Spec, frozen=True, kw_only=True):
    """environment.yaml: where an environment is."""

    cluster: str = "local"
    namespace: str = "default"
