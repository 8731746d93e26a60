"""A cluster of a person's own, by HEADGATE_E2E_CLUSTER=<context>: used only where nothing of ours is on it."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from cluster.kubectl import Object, get, kubectl
from cluster.live import NAMES
from cluster.pins import cache
from cluster.site import Site, program

CONTEXT = "HEADGATE_E2E_CLUSTER"
PASSWORDS = ("gitea", "s3")
"""Of Gitea's user `admin` and of S3's key `headgate`: HEADGATE_E2E_GITEA and HEADGATE_E2E_S3."""
SPACES = re.compile(r"headgate(-.*)?|models(-.*)?|life(-models)?")
"""Namespaces that the scenarios make, fill and delete."""
KINDS = (
    "namespaces",
    "applications.argoproj.io",
    "appprojects.argoproj.io",
    "applicationsets.argoproj.io",
    "rollouts.argoproj.io",
    "workflows.argoproj.io",
    "clusterstoragecontainers.serving.kserve.io",
    "inferenceservices.serving.kserve.io",
    "traefikservices.traefik.io",
    "podmonitors.monitoring.coreos.com",
    "prometheusrules.monitoring.coreos.com",
)
"""What its controllers must serve, and where the tests' objects would be seen."""


@contextmanager
def theirs(context: str) -> Iterator[Site]:
    """Give a person's cluster as a site of this machine's loopback, one forwarded port for each listener, or refuse."""
    site = Site(folder=cache() / "theirs", network="127.0", passwords=passwords())
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, site.folder, ignore_errors=True)  # it holds a key to the cluster
        site.save()
        site.kubeconfig.touch(mode=0o600)
        site.kubeconfig.write_text(access(context))
        inspect(site, context)
        site.ports |= {name: stack.enter_context(forwarded(site, url)) for name, url in NAMES.items()}
        yield site


def access(context: str) -> str:
    """Return what of KUBECONFIG is this context's, and nobody else's."""
    flat = ("config", "view", "--minify", "--flatten", "--raw", f"--context={context}")
    done = subprocess.run(["kubectl", *flat], check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"{CONTEXT}={context!r}: {done.stderr.strip()}; next: name one of `kubectl config get-contexts`"
        )
    return done.stdout


def inspect(site: Site, context: str) -> None:
    """Refuse a cluster that lacks a controller, or that holds what the scenarios would write over or take away."""
    served = set(kubectl(site, "api-resources", "--no-headers", "-o", "name").split())
    if lacking := sorted(kind for kind in KINDS if kind not in served):
        raise RuntimeError(
            f"cluster {context!r} does not serve {', '.join(lacking)}; next: install what docs/install.md lists"
        )
    found = get(site, ",".join(KINDS), "--all-namespaces")["items"]
    shared = get(site, "configmaps", "--all-namespaces")["items"]
    if there := occupied([*found, *shared]):
        raise RuntimeError(
            f"cluster {context!r} is not empty of what the scenarios install: {', '.join(there)}; "
            "next: name another, or take these away"
        )


def occupied(found: Iterable[Object]) -> list[str]:
    """Return what of a cluster's objects the scenarios would write over or delete, as kind/namespace/name."""
    return sorted(shown(one) for one in found if ours(one))


def ours(one: Object) -> bool:
    """Say whether the scenarios, or what they install, have an object of this name."""
    name, space = one["metadata"]["name"], one["metadata"].get("namespace", "")
    match one["kind"]:
        case "ConfigMap":
            return bool(name == "argo-rollouts-notification-configmap") or (
                name == "argocd-cm" and any("InferenceService" in key for key in one.get("data") or {})
            )
        case "Application" | "ApplicationSet" | "AppProject":
            return bool(name.startswith(("headgate-", "prod-")))
        case "ClusterStorageContainer":
            return bool(name == "headgate")
        case "Namespace":
            return bool(SPACES.fullmatch(name))
    return bool(SPACES.fullmatch(space))


def shown(one: Object) -> str:
    """Return how a person would ask for an object."""
    place = one["metadata"].get("namespace")
    return "/".join([one["kind"].lower(), *([place] if place else []), one["metadata"]["name"]])


def passwords() -> dict[str, str]:
    """Return what the scenarios log in with."""
    given = {name: os.environ.get(f"HEADGATE_E2E_{name.upper()}", "") for name in PASSWORDS}
    if missing := [f"HEADGATE_E2E_{name.upper()}" for name, value in given.items() if not value]:
        raise RuntimeError(
            f"{' and '.join(missing)} not set: the passwords of Gitea's admin and of S3's key `headgate`"
        )
    return given


@contextmanager
def forwarded(site: Site, url: str) -> Iterator[int]:
    """Forward a port of this machine to a Service, until the block ends."""
    address = urlsplit(url)
    service, space = (address.hostname or "").split(".")
    command = [program("kubectl"), f"--kubeconfig={site.kubeconfig}", "-n", space, "port-forward", f"service/{service}"]
    process = subprocess.Popen([*command, f":{address.port or 80}"], stdout=subprocess.PIPE, text=True)
    try:
        said = process.stdout.readline() if process.stdout else ""
        if not (local := re.search(r"127\.0\.0\.1:(\d+)", said)):
            raise RuntimeError(f"nothing answers as {url} in the cluster; next: install it under this name")
        yield int(local[1])
    finally:
        process.terminate()
        process.wait(10)
