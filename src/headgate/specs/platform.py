"""What headgate-platform installs: the chart's values, of which `receiver` is receive.yaml itself."""

from typing import Annotated, Literal

from msgspec import Meta, field

from headgate.names import NameField
from headgate.specs.environment import NetworkPolicy
from headgate.specs.pods import Quantity
from headgate.specs.reading import Spec
from headgate.specs.receiver import Receiver

SecretName = Annotated[str, Meta(pattern=r"^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$")]

FilePath = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][-A-Za-z0-9._=]*(/[A-Za-z0-9_][-A-Za-z0-9._=]*)*$")]
"""Below the volume's root; no segment begins with a dot."""


class Secrets(Spec, frozen=True, kw_only=True):
    """Names of Secrets in the chart's namespace that exist already; no value holds a secret."""

    store: SecretName = "headgate-store"
    """Keys of the store, as AWS_… variables; none needed where the cloud knows the pod."""
    receiver: SecretName = "headgate-receiver"
    """Keys `token` (who bears it may alert), `push` (forges sign with it) and `forge` (the receiver's own Git token: it
    may open pull requests, set statuses and push tags)."""


class Pod(Spec, frozen=True, kw_only=True):
    """What one pod of the receiver gets."""

    cpu: Quantity = "100m"
    """Cores it asks for."""
    cpu_limit: Quantity = "1"
    """Cores it may use."""
    memory: Quantity = "256Mi"
    """Memory it asks for."""
    memory_limit: Quantity = "1Gi"
    """Memory it may use; mirrors of large repositories are files, not memory."""
    disk: Quantity = "2Gi"
    """Size of the emptyDir that mirrors of the repositories are kept in."""


class Measured(Spec, frozen=True, kw_only=True):
    """One champion that is measured by a schedule."""

    service: NameField
    """The service; one of receiver.services, whose clone, folder and memory are taken."""
    environment: NameField
    """Whose champion is measured."""
    schedule: str = "7 * * * *"
    """Cron words, UTC; a window is judged within the hour after its labels matured."""
    image: str | None = None
    """The image it runs in, by digest; none: the service's. It must be given where that says `{commit}`."""


class Scoring(Spec, frozen=True, kw_only=True):
    """Files that are scored by a schedule, with what is live then."""

    name: NameField
    """The CronWorkflow is called score-<name>."""
    service: NameField
    """The service; one of receiver.services, whose clone, folder and memory are taken."""
    environment: NameField
    """Whose champion scores."""
    input: FilePath
    """A Parquet file on the volume, or a folder of some."""
    output: FilePath
    """The file of scores on the volume; it is replaced as a whole."""
    schedule: str
    """Cron words, UTC; after the input is written."""
    claim: SecretName = "headgate-files"
    """The PersistentVolumeClaim in the chart's namespace; pods on several nodes need ReadWriteMany."""
    partitions: Annotated[int, Meta(ge=1, le=1000)] | None = None
    """So many shares, eight at a time; none: of a million rows each."""
    image: str | None = None
    """The image it runs in, by digest; none: the service's. It must be given where that says `{commit}`."""


class Notifications(Spec, frozen=True, kw_only=True):
    """Knocks at the receiver's door when a Rollout moves; without them it looks every `receiver.look`."""

    create: bool = False
    """Write ConfigMap argo-rollouts-notification-configmap. There is one in a cluster: with another team's, leave this
    off and add what NOTES.txt says."""
    namespace: str = "argo-rollouts"
    """Where Argo Rollouts runs; Secret argo-rollouts-notification-secret there must have the key `headgate-token`."""


class Sensor(Spec, frozen=True, kw_only=True):
    """An Argo Events Sensor that hands signals on to the receiver."""

    event_source: str
    """The EventSource it listens to."""
    event: str
    """The event's name there; its body is a signal: {"service", "environment", "signal"}."""
    event_bus: str = "default"
    """The EventBus."""


class Binding(Spec, frozen=True, kw_only=True):
    """An Argo Workflows WorkflowEventBinding that hands signals on to the receiver, by a pod of ours."""

    selector: str
    """Which events, in expr's words, such as `discriminator == "headgate"`."""


class Events(Spec, frozen=True, kw_only=True):
    """Other ways for a signal to come in; each ends at the receiver, which alone decides."""

    sensor: Sensor | None = None
    """By Argo Events; rendered, not tried."""
    binding: Binding | None = None
    """By the events of Argo's own server; rendered, not tried."""


class Rules(Spec, frozen=True, kw_only=True):
    """Recording and alert rules, monitoring/rules of this repository."""

    kind: Literal["PrometheusRule", "ConfigMap", "none"] = "PrometheusRule"
    """For the Prometheus operator, as files for a Prometheus without it, or not at all."""
    labels: dict[str, str] = field(default_factory=dict)
    """Labels by which your Prometheus finds them."""


class Dashboards(Spec, frozen=True, kw_only=True):
    """Grafana's dashboards as ConfigMaps for its sidecar."""

    create: bool = True
    """Write them."""
    label: str = "grafana_dashboard"
    """The label, of value `1`, that the sidecar looks for."""


class Platform(Spec, frozen=True, kw_only=True):
    """values.yaml of headgate-platform."""

    image: str = "headgate:0.1.0"
    """Headgate's image, better by digest."""
    pull_secrets: tuple[str, ...] = ()
    """Secrets of the namespace that it is pulled with."""
    store: Annotated[str, Meta(pattern=r"^s3://[a-z0-9][a-z0-9.-]*(/[A-Za-z0-9._-]+)*$")] | None = None
    """Where models and records are kept: `s3://<bucket>[/<prefix>]`. Required."""
    forge: Annotated[str, Meta(pattern=r"^(gitea|github|gitlab)\+https?://.+/.+")] | None = None
    """The env repo as a forge names it: `gitea+https://host/owner/name`. Required."""
    forge_app: str | None = None
    """Id of the GitHub App whose key the forge's tokens are."""
    tracker: str | None = None
    """MLflow's address; none: runs leave their records in the store alone."""
    variables: dict[str, str] = field(default_factory=dict)
    """More of ConfigMap `headgate`, such as AWS_ENDPOINT_URL and AWS_REGION; nothing secret."""
    receiver: Receiver = field(default_factory=lambda: Receiver(namespaces=()))
    """receive.yaml: what the receiver watches and starts."""
    replicas: Annotated[int, Meta(ge=1, le=5)] = 2
    """Pods of the receiver; any number may run at once, as locks are names in the cluster and in Git."""
    pod: Pod = field(default_factory=Pod)
    """What one of them gets."""
    secrets: Secrets = field(default_factory=Secrets)
    """Names of Secrets that exist already."""
    measured: tuple[Measured, ...] = ()
    """Champions that are measured by a schedule."""
    scored: tuple[Scoring, ...] = ()
    """Files that are scored by a schedule."""
    rules: Rules = field(default_factory=Rules)
    """Recording and alert rules."""
    dashboards: Dashboards = field(default_factory=Dashboards)
    """Grafana's dashboards."""
    scrape: Literal["PodMonitor", "annotations", "none"] = "PodMonitor"
    """How Prometheus finds the receiver: by the operator, by `prometheus.io/…` annotations, or by your own rules."""
    notifications: Notifications = field(default_factory=Notifications)
    """Knocks at the receiver's door."""
    events: Events = field(default_factory=Events)
    """Other ways for a signal to come in."""
    network_policy: NetworkPolicy | None = None
    """Close the receiver's pods to all but the named; none: they are open."""
    node_selector: dict[str, str] = field(default_factory=dict)
    """Labels of the nodes that the receiver runs on."""
