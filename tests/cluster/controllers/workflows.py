"""Argo Workflows: runs graphs of pods."""

import yaml

from cluster import answers
from cluster.controllers.start import controller
from cluster.images import EXECUTOR
from cluster.kubectl import apply, apply_files, config, namespace
from cluster.site import Site, kept, program

SPACE = "argo"
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
    apply_files(site, *kept("argo-workflows", "manifests/base/crds/full").glob("argoproj.io_*.yaml"))
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
    controller(site, "workflows", command, ready, {"LEADER_ELECTION_DISABLE": "true"})
