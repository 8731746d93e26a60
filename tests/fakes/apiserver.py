"""A real API server with a real etcd, as two processes on loopback; without nodes, so nothing runs."""

import contextlib
import csv
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client, utils

from fakes.programs import built
from fakes.serving import free_port, until

ADMIN, RECEIVER = "admin-of-a-test", "receiver-of-a-test"
ROLE = [
    {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["create", "get", "list", "watch"]},
    {"apiGroups": ["argoproj.io"], "resources": ["rollouts", "analysisruns"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["argoproj.io"], "resources": ["rollouts/status"], "verbs": ["patch"]},
]
"""What FAULTS gives the receiver, and nothing else."""


class ApiServer:
    """What a test asks of it."""

    def __init__(self, url: str, certificate: Path) -> None:
        self.url = url
        self.certificate = certificate

    def api(self, token: str = ADMIN) -> Any:
        """Return a client that bears a token."""
        settings = client.Configuration()
        settings.host = self.url
        settings.ssl_ca_cert = str(self.certificate)
        settings.api_key = {"authorization": f"Bearer {token}"}
        settings.retries = False
        return client.ApiClient(settings)

    def apply(self, *documents: dict[str, Any]) -> None:
        """Create objects of the API server's own kinds."""
        for document in documents:
            utils.create_from_dict(self.api(), document)

    def custom(self) -> Any:
        return client.CustomObjectsApi(self.api())

    def ready(self) -> bool:
        if not self.certificate.exists():
            return False
        context = ssl.create_default_context(cafile=str(self.certificate))
        request = urllib.request.Request(f"{self.url}/readyz", headers={"Authorization": f"Bearer {ADMIN}"})
        with contextlib.suppress(OSError), urllib.request.urlopen(request, context=context, timeout=2) as answer:
            return bool(answer.status == 200)
        return False


@contextlib.contextmanager
def apiserver(folder: Path) -> Iterator[ApiServer]:
    """Run one, with Argo's kinds and a receiver that may do what its Role says."""
    etcd, kubernetes, rollouts = (built(name) for name in ("etcd", "kubernetes", "argo-rollouts"))
    ports = [free_port() for _ in range(3)]
    store, peer = (f"http://127.0.0.1:{port}" for port in ports[:2])
    subprocess.run(["openssl", "genrsa", "-out", folder / "accounts.key", "2048"], check=True, capture_output=True)
    with (folder / "tokens.csv").open("w", newline="") as file:
        csv.writer(file).writerows([[ADMIN, "admin", "1", "system:masters"], [RECEIVER, "receiver", "2"]])
    keeping = [etcd / "bin" / "etcd", f"--data-dir={folder / 'etcd'}", "--unsafe-no-fsync", "--log-level=error"]
    keeping += [f"--listen-client-urls={store}", f"--advertise-client-urls={store}", f"--listen-peer-urls={peer}"]
    keeping += [f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}"]
    serving = [kubernetes / "bin" / "kube-apiserver", f"--etcd-servers={store}", "--bind-address=127.0.0.1"]
    serving += [f"--secure-port={ports[2]}", f"--cert-dir={folder}", "--authorization-mode=RBAC"]
    serving += [f"--token-auth-file={folder / 'tokens.csv'}", "--service-cluster-ip-range=10.0.0.0/24"]
    serving += [f"--service-account-{part}-file={folder / 'accounts.key'}" for part in ("key", "signing-key")]
    serving += ["--service-account-issuer=https://kubernetes.default.svc", "--endpoint-reconciler-type=none"]
    server = ApiServer(f"https://127.0.0.1:{ports[2]}", folder / "apiserver.crt")
    log = folder / "apiserver.log"
    with running([str(word) for word in keeping], folder / "etcd.log"), running([str(word) for word in serving], log):
        until(server.ready, lambda: f"the API server did not start:\n{log.read_text()[-3000:]}")
        crds = rollouts / "files" / "manifests" / "crds"
        kinds = [crd(crds / f"{name}-crd.yaml") for name in ("rollout", "analysis-run")]
        server.apply(*kinds, workflows())
        until(lambda: established(server), lambda: "Argo's kinds did not come")
        yield server


@contextlib.contextmanager
def running(command: list[str], log: Path) -> Iterator[None]:
    """Run a program until the test ends."""
    with log.open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said) as program:
        try:
            yield
        finally:
            program.kill()


def established(server: ApiServer) -> bool:
    for plural in ("rollouts", "analysisruns", "workflows"):
        with contextlib.suppress(client.ApiException):
            server.custom().list_namespaced_custom_object("argoproj.io", "v1alpha1", "default", plural)
            continue
        return False
    return True


def crd(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def workflows() -> dict[str, Any]:
    """Return Argo's own minimal definition of a Workflow, whose fields the API server does not look into."""
    open_ended = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": dict.fromkeys(("spec", "status"), open_ended)}
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Workflow", "listKind": "WorkflowList", "plural": "workflows", "singular": "workflow"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "workflows.argoproj.io"},
        "spec": {"group": "argoproj.io", "names": names, "scope": "Namespaced", "versions": [version]},
    }


def allowed(namespace: str) -> list[dict[str, Any]]:
    """Return the receiver's namespace, Role and binding."""
    meta = {"name": "receiver", "namespace": namespace}
    rbac = "rbac.authorization.k8s.io"
    subject = {"kind": "User", "name": "receiver", "apiGroup": rbac}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": meta, "rules": ROLE},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "subjects": [subject],
            "roleRef": {"kind": "Role", "name": "receiver", "apiGroup": rbac},
        },
    ]
