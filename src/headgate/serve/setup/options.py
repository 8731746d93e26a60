"""How one server process is run."""

from pathlib import Path

import msgspec

from headgate.serve.door.limits import Limits
from headgate.serve.experiment.divided import ExperimentOptions
from headgate.serve.setup.observers import ShadowOptions
from headgate.specs.environment import Faults


class ServeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How one server process is run."""

    model: Path
    """The package's folder."""
    sha256: str
    """What Git says the package is."""
    service_file: Path
    """service.yaml; the contract and the owner's features function are found beside it."""
    host: str = "127.0.0.1"
    port: int = 0
    """0: any free one; the ready file says which."""
    grpc_port: int | None = None
    """Where V2 is answered over gRPC too; 0: any free one, none: nowhere."""
    ready_file: Path | None = None
    """Written once requests are answered: {"port", "pid", "model", "at"}, and "grpc_port" where there is one."""
    log_dir: Path | None = None
    """Where predictions are logged; none: they are not."""
    log_limit_mib: int | None = None
    """What the files there may take together; then rows wait for `headgate ship --delete` as for a full disk."""
    log_share: float = 1.0
    """The part of the ids whose rows are logged."""
    reference: Path | None = None
    """The model's drift reference, in whose bins answered rows are counted; none: the one in the model's folder, and
    where there is none in bins made from the contract."""
    shadow: ShadowOptions | None = None
    experiment: ExperimentOptions | None = None
    price_per_hour: float | None = None
    """Of this server, in any currency: the metrics then say what 1,000 predictions cost."""
    traces: str | None = None
    """Where spans are sent, as `http://collector:4318/v1/traces`; none: there are none."""
    log_requests: bool = False
    """Write a line of JSON to stderr for each prediction; never what was in it."""
    threads: int = 1
    faults: Faults = Faults()
    exit_with_parent: bool = False
    """End when stdin does, as it does when the process that holds its other end ends in any way."""
    limits: Limits = Limits()
    flush_seconds: float = 0.2
    """A killed process loses at most this much of its prediction log; 0: what is answered is written first."""
    linger_seconds: float = 0.5
    """After SIGTERM not ready any more, yet answering, while routers take note."""
    drain_seconds: float = 20.0
    """Then requests have this long to end."""
