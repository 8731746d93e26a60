"""MLflow: where runs are tracked, as `http://mlflow.mlflow:5000`."""

import sys
from pathlib import Path

from cluster import answers
from cluster.kubectl import apply, door, namespace
from cluster.process import await_ready, start
from cluster.site import Site

SPACE = "mlflow"


def mlflow(site: Site) -> None:
    """Start the server of this very environment on SQLite; it hands out artifacts itself."""
    room = site.room("mlflow")
    where = ["--host", site.gateway, "--port", str(site.port("mlflow")), "--allowed-hosts", "*", "--workers", "1"]
    stores = ["--backend-store-uri", f"sqlite:///{room}/mlflow.db", "--artifacts-destination", str(room / "artifacts")]
    command = [str(Path(sys.executable).parent / "mlflow"), "server", *where, *stores, "--serve-artifacts"]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    await_ready(start("mlflow", command, quiet), answers.http(f"http://{site.address('mlflow')}/health"), seconds=120)


def mlflow_door(site: Site) -> None:
    """Give it its name in the cluster."""
    apply(site, namespace(SPACE), *door(site, "mlflow", SPACE, 5000, "mlflow"))
