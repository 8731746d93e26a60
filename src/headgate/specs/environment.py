"""The env repo's files: people edit app.yaml and serving.yaml, Headgate edits version.yaml and bans.yaml."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from msgspec import Meta, field

from headgate.names import CommitField, DigestField, NameField
from headgate.records.live import Cause
from headgate.specs.canary import Canary
from headgate.specs.pods import Autoscaling, Collector, Resources, Toleration
from headgate.specs.predictor import ImagePin, PredictorPod
from headgate.specs.reading import Spec
from headgate.specs.second_model import Experiment, RateLimit, Shadow


class Faults(Spec, frozen=True, kw_only=True):
    """Faults put in on purpose, to try the canary; all off by default."""

    delay_ms: Annotated[float, Meta(ge=0, le=60_000)] = 0.0
    """How much later each answer comes, in milliseconds."""
    fail_share: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Share of requests answered with a 500."""


class Retired(Spec, frozen=True, kw_only=True):
    """A service that is to serve no more; its folder may go once the cluster has followed."""

    reason: str
    """Why."""
    at: datetime
    """Since when."""


class App(Spec, frozen=True, kw_only=True):
    """app.yaml: which chart and runtime version render the service."""

    chart: str = "0.1.0"
    """The version of headgate-service under charts/ that renders the service."""
    runtime: str = "0.1.0"
    """The version of the server: of the ServingRuntime `headgate-<runtime>`, or of the image's tag in mode fastapi."""
    mode: Literal["kserve", "fastapi"] = "kserve"
    """Who makes the pod's template: an InferenceService, or the chart itself."""
    image: str | None = None
    """The server's image in full, better by digest; for a service whose features need packages of their own."""
    retired: Retired | None = None
    """It serves no more: all of it is taken away but a ConfigMap that says why. `headgate retire` writes it."""


class Serving(Spec, frozen=True, kw_only=True):
    """serving.yaml: how the model is run; the canary plan is here because it is the environment's choice."""

    replicas: Annotated[int, Meta(ge=1, le=100)] = 1
    """Pods, where no autoscaler decides."""
    threads: Annotated[int, Meta(ge=1, le=64)] = 1
    """ONNX Runtime intra-op threads per worker."""
    faults: Faults = field(default_factory=Faults)
    """Faults on purpose, to try the canary."""
    canary: Canary | None = None
    """The canary plan; it wins over the one of service.yaml, which a cluster does not see."""
    resources: Resources = field(default_factory=Resources)
    """What one pod gets."""
    log_answers: bool = True
    """Send every answer to the store, by a container beside the server: drift and labels are measured by them."""
    log_every: timedelta = timedelta(minutes=5)
    """How often they are sent: so much a pod that is killed takes along. One that is asked to end sends its last."""
    log_limit_mib: Annotated[int, Meta(ge=256, le=1_048_576)] = 1024
    """MiB of a pod's disk for answers that are not sent yet; full, it loses new ones (headgate_log_lost_total)."""
    log_share: Annotated[float, Meta(ge=0.0001, le=1)] | None = None
    """Share of the ids whose answers are logged, the same ids in every pod; not with an experiment. None: all."""
    autoscaling: Autoscaling | None = None
    """How many pods there are, by load; none: `replicas`."""
    node_selector: dict[str, str] = field(default_factory=dict)
    """Labels of the nodes that the pods run on."""
    tolerations: tuple[Toleration, ...] = ()
    """Taints of nodes that the pods put up with."""
    log_flush_seconds: Annotated[float, Meta(ge=0, le=60)] | None = None
    """A server that is killed loses so much of its log; 0: none, each answer waits for the disk. By default 0.2."""
    grpc_port: Annotated[int, Meta(ge=1024, le=65535)] | None = None
    """V2 over gRPC, at this port of the pods and of both Services; the router shares out HTTP alone. None: no gRPC."""
    price_per_hour: Annotated[float, Meta(ge=0, le=1_000_000)] | None = None
    """Of one pod, in any currency: metrics then say what 1,000 predictions cost."""
    log_requests: bool = False
    """A line of JSON of each prediction in the pod's log, without what was asked and answered."""
    traces: Collector | None = None
    """Where spans of predictions go by OTLP, as `http://collector:4318/v1/traces`; no password in it. None: nowhere."""
    rate_limit: RateLimit | None = None
    """How much one client may ask; none: as much as it likes."""
    shadow: Shadow | None = None
    """A second model that sees a share of the requests and answers nobody."""
    experiment: Experiment | None = None
    """A second model that answers a part of the rows, to learn which is better."""
    predictor: PredictorPod | None = None
    """How the image of a model that has one is run, beside the server."""


class ModelPin(Spec, frozen=True, kw_only=True):
    """Which model, by digest."""

    name: NameField
    """The service it is a model of."""
    version: str
    """What people call it."""
    sha256: DigestField
    """Its package's digest."""
    predictor: ImagePin | None = None
    """The image that answers for it, as its package says; none: the server does."""


class DataPin(Spec, frozen=True, kw_only=True):
    """Which rows made it."""

    sha256: DigestField
    """The dataset's digest."""
    start: datetime | None = None
    """The window's first event time."""
    end: datetime | None = None
    """The window's end."""
    train_end: datetime | None = None
    """Where the rows it learned from end."""
    tune_end: datetime | None = None
    """Where the rows it was tuned on end."""


class CauseNote(Spec, frozen=True, kw_only=True):
    """Why this model was made."""

    cause: Cause
    """Drift, performance, schedule, data or a person."""
    detail: str
    """What was seen, in words."""
    trigger: str | None = None
    """The trigger's key."""


class Version(Spec, frozen=True, kw_only=True, rename={"storage_uri": "storageUri"}):
    """version.yaml: the one file a promotion edits. The chart reads only `storageUri`; the rest is why."""

    storage_uri: str
    """Where the store keeps the model: `models/<service>/<sha256>`, relative to the environment's `store`."""
    model: ModelPin
    """Which model."""
    dataset: DataPin
    """Which rows made it."""
    code: str
    """Digest of the service's own files that made it."""
    commit: str | None = None
    """Their commit in the model repo."""
    lock: str
    """Digest of the packages it was made with."""
    seed: int
    """The seed it was made with."""
    verdict: DigestField
    """Digest of the gate's verdict."""
    evidence: DigestField
    """Digest of everything the verdict rests on."""
    summary: str
    """The verdict's leading line, as in the pull request's first table row."""
    replaces: DigestField | None = None
    """The model that was champion before it."""
    cause: CauseNote
    """Why it was made."""
    run: str | None = None
    """The run that made it."""


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
    """The folder below env/."""
    after: NameField | None = None
    """The environment in which a model is live first; none: the first one."""
    soak: timedelta = timedelta(0)
    """How long it is live there before it is proposed here."""
    reverts_merge: Literal["by_rule", "by_person"] = "by_rule"
    """Who merges a revert: a rule at once, or a person."""
    promotions_merge: Literal["by_rule", "by_person"] = "by_person"
    """Who merges a promotion."""


class Promotion(Spec, frozen=True, kw_only=True):
    """promotion.yaml: the order of environments."""

    environments: tuple[EnvironmentOrder, ...]


class NetworkPolicy(Spec, frozen=True, kw_only=True):
    """Who may reach a service's pods, and whom they may reach; effective where the cluster's network enforces it."""

    from_namespaces: tuple[str, ...] = ()
    """Namespaces whose pods may send requests and scrape: the router's, Prometheus's."""
    to_cidrs: tuple[str, ...] = ()
    """Networks that the pods may reach, for the store; none: every one. Name resolution is always allowed."""


class Environment(Spec, frozen=True, kw_only=True):
    """environment.yaml: where an environment is. What a cluster needs may be left out where there is none."""

    environment: NameField | None = None
    """Its own name, the folder's; its ApplicationSet says it, so that it need not stand in the file."""
    cluster: str = "local"
    """The cluster's name in Argo CD; `local` is the ring on one machine."""
    namespace: str = "default"
    """Where the environment's services run."""
    store: Annotated[str, Meta(pattern=r"^s3://[a-z0-9][a-z0-9.-]*(/[A-Za-z0-9._-]+)*$")] | None = None
    """Where models are kept: `s3://<bucket>[/<prefix>]`; Secret `headgate-store` has its keys as AWS_… variables."""
    repository: str = "headgate"
    """Headgate's image without its tag, which is app.yaml's `runtime`."""
    pull_secrets: tuple[str, ...] = ()
    """Secrets of the namespace that images are pulled with."""
    service_account: str = "default"
    """Whom the pods run as; its token is not mounted."""
    router: Literal["traefik", "istio", "gatewayAPI"] = "traefik"
    """Who shares requests out between stable and canary. The last two are rendered and checked, not tried."""
    domain: str | None = None
    """A service is answered at `<service>.<domain>`."""
    entry_points: tuple[str, ...] = ("web",)
    """Traefik's entry points that services are reached by."""
    gateway: str | None = None
    """Istio's or the Gateway API's Gateway, `<namespace>/<name>`."""
    entry: str | None = None
    """The router's address inside the cluster, such as `http://traefik.traefik`; `helm test` asks there."""
    prometheus: str = "http://prometheus-operated.monitoring:9090"
    """Whom a canary's questions are asked of."""
    pod_monitor: bool = True
    """Have the Prometheus operator scrape the pods; else scrape them yourself, see the chart's README."""
    network_policy: NetworkPolicy | None = None
    """Close the pods to all but the named; none: they are open."""
