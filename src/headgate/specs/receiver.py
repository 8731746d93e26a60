"""receive.yaml: which services the receiver starts runs for, and where their code is."""

from datetime import timedelta

from msgspec import field

from headgate.names import NameField
from headgate.specs.reading import Spec


class Trained(Spec, frozen=True, kw_only=True):
    """One service that is trained in this cluster."""

    repository: str
    """Its model repo as a forge names it: `gitea+https://host/owner/name`; service.yaml is read there."""
    clone: str
    """The same repository for the steps' Git: `https://host/owner/name.git`."""
    branch: str = "main"
    """A push to it starts a run."""
    folder: str = "."
    """Where service.yaml is in it."""
    image: str
    """The image the steps run in, by digest. Where a CI builds one for each commit, `{commit}` stands for it."""
    environment: NameField | None = None
    """Whose champion a run is compared with; none: the first of promotion.yaml."""
    memory: str | None = None
    """Memory of the steps that hold rows, such as `4Gi`; none: the template's own."""


class Receiver(Spec, frozen=True, kw_only=True):
    """What the receiver does beside watching Rollouts."""

    cluster: str | None = None
    """This cluster's name in environment.yaml; none: every environment is here."""
    namespaces: tuple[str, ...]
    """Where the Rollouts are: the environments' namespaces."""
    runs: str = "headgate"
    """The namespace of the Workflows."""
    template: str = "headgate-ct"
    """The WorkflowTemplate of a training run."""
    promotion: str = "headgate-promote"
    """The WorkflowTemplate that judges a live model for the next environment."""
    look: timedelta = timedelta(seconds=10)
    """How often cluster and Git are looked at; a webhook makes it sooner."""
    weigh: timedelta = timedelta(minutes=1)
    """How often signals are weighed and due runs started, unless an alert comes."""
    pushes: timedelta = timedelta(minutes=1)
    """How often branches are looked at: a commit that nobody told of by the next look is run as if somebody had."""
    measure: timedelta = timedelta(seconds=30)
    """How often the windows that `headgate drift` measured are read, of which /metrics shows the last."""
    retry_after: timedelta = timedelta(minutes=1)
    """A failed run's next attempt waits this long, twice as long before the last."""
    services: dict[str, Trained] = field(default_factory=dict)
    """By the service's name."""
