"""Argo Workflows: runs graphs of pods."""

from pathlib import Path

import yaml

from cluster import answers
from cluster.controllers.start import controller
from cluster.images import EXECUTOR
from cluster.kubectl import apply, apply_files, config, namespace
from cluster.site import Site, kept, program

SPACE = "argo"
CHECKED = ("_cronworkflows.", "_workflowtemplates.")
"""What people write and the server checks in full; the others' full schemas cost the API server 20 s and 1 GB."""
REQUEUE = "2s"
"""How long the controller lets a Workflow lie after one of its pods has ended; of itself ten, twice a step."""
RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 8737,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def workflows(site: Site) -> None:
    """Start the controller for every namespace; its pods' own containers pass Pod Security `restricted`."""
    apply_files(site, *_definitions())
    port = site.port("workflows")
    executor = {"imagePullPolicy": "Never", "securityContext": RESTRICTED}
    settings = {
        "executor": yaml.safe_dump(executor),
        "metricsConfig": yaml.safe_dump({"enabled": True, "port": port, "secure": False}),
        "telemetryConfig": yaml.safe_dump({"enabled": False}),
    }
    apply(site, namespace(SPACE), config("workflow-controller-configmap", SPACE, settings))
    command = [program("workflow-controller"), "--namespace", SPACE, "--executor-image", EXECUTOR]
    ready = answers.http(f"http://127.0.0.1:{port}/metrics")
    controller(site, "workflows", command, ready, {"LEADER_ELECTION_DISABLE": "true", "DEFAULT_REQUEUE_TIME": REQUEUE})


def _definitions() -> list[Path]:
    folder = kept("argo-workflows", "manifests/base/crds")
    kinds = [file.name for file in (folder / "minimal").glob("argoproj.io_*.yaml")]
    return [folder / ("full" if any(one in kind for one in CHECKED) else "minimal") / kind for kind in kinds]
