"""Speaks to the cluster through kubectl."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from cluster.site import Site, program

Object = dict[str, Any]


def kubectl(site: Site, *words: str, stdin: str | None = None, seconds: float = 120.0) -> str:
    """Return what kubectl printed; an error holds what it said."""
    command = [program("kubectl"), f"--kubeconfig={site.kubeconfig}", f"--cache-dir={site.folder / 'kubectl'}", *words]
    done = subprocess.run(command, check=False, input=stdin, capture_output=True, text=True, timeout=seconds)
    if done.returncode:
        raise RuntimeError(f"kubectl {' '.join(words)} said: {done.stderr.strip()[-2000:]}")
    return done.stdout


def apply(site: Site, *objects: Object) -> None:
    """Apply objects on the server's side, trying again while a definition of theirs is not served yet."""
    text = yaml.safe_dump_all(objects)
    words = ("apply", "--server-side", "--force-conflicts", "-f", "-")
    until(
        lambda: _complaint(site, *words, stdin=text),
        f"objects to apply: {[one['metadata']['name'] for one in objects]}",
    )


def apply_files(site: Site, *files: Path) -> None:
    """Apply files of definitions, and wait until the server serves them."""
    words = [word for file in files for word in ("-f", str(file))]
    kubectl(site, "apply", "--server-side", "--force-conflicts", *words)
    served = ("wait", "--for=condition=Established", "--timeout=60s", *words)
    until(lambda: _complaint(site, *served), f"definitions to be served: {[file.stem for file in files]}")


def get(site: Site, *words: str) -> Object:
    """Return the object or list as parsed JSON."""
    return dict(json.loads(kubectl(site, "get", "-o", "json", *words)))


def until(asks: Callable[[], str | None], what: str, seconds: float = 60.0) -> None:
    """Wait until `asks` has nothing left to complain about."""
    deadline = time.monotonic() + seconds
    while complaint := asks():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {seconds:g} s for {what}; last: {complaint}")
        time.sleep(0.3)


def namespace(name: str, **labels: str) -> Object:
    """Return a namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def config(name: str, space: str, values: dict[str, str], **labels: str) -> Object:
    """Return a ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": space, "labels": labels},
        "data": values,
    }


def secret(name: str, space: str, values: dict[str, str], **labels: str) -> Object:
    """Return a Secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": space, "labels": labels},
        "stringData": values,
    }


def door(site: Site, name: str, space: str, port: int, listener: str) -> tuple[Object, Object]:
    """Return the Service under whose name pods reach a process of this machine, and its endpoint."""
    meta = {"name": name, "namespace": space, "labels": {"app": name}}
    sliced = meta | {"name": f"{name}-host", "labels": {"app": name, "kubernetes.io/service-name": name}}
    return (
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"name": "http", "port": port}]}},
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": sliced,
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": site.port(listener)}],
            "endpoints": [{"addresses": [site.gateway], "conditions": {"ready": True}}],
        },
    )


def _complaint(site: Site, *words: str, stdin: str | None = None) -> str | None:
    try:
        kubectl(site, *words, stdin=stdin)
    except RuntimeError as err:
        return str(err)
    return None
