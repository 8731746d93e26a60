"""Starts everything, each part as soon as what it needs is there."""

import os
import sys
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

from cluster import images, network, node, pki, plane
from cluster.alone import alone
from cluster.build import build
from cluster.controllers.argocd import argocd
from cluster.controllers.kserve import kserve
from cluster.controllers.metrics import metrics
from cluster.controllers.rollouts import rollouts
from cluster.controllers.traefik import traefik
from cluster.controllers.workflows import workflows
from cluster.down import note
from cluster.install import missing
from cluster.kubectl import get, until
from cluster.process import processes
from cluster.services.gitea import gitea, gitea_door
from cluster.services.mlflow import mlflow, mlflow_door
from cluster.services.monitoring import alertmanager, monitoring_doors, prometheus
from cluster.services.monitors import monitors
from cluster.services.storage import storage, storage_door
from cluster.site import Site, running

Part = Callable[[Site], None]


def image_pause(site: Site) -> None:
    """Import what every pod needs first."""
    images.load(site, images.pause())


def image_headgate(site: Site) -> None:
    """Import Headgate as the checkout is now."""
    images.load_headgate(site)


def image_executor(site: Site) -> None:
    """Import what Argo Workflows puts into its pods."""
    images.load(site, images.executor())


def ready(site: Site) -> None:
    """Wait until the node takes pods."""

    def waits() -> str | None:
        nodes = get(site, "nodes")["items"]
        conditions = nodes[0]["status"]["conditions"] if nodes else []
        said = {one["type"]: one for one in conditions}.get("Ready", {"status": "no", "message": "not registered"})
        return None if said["status"] == "True" else str(said["message"])

    until(waits, "the node to be Ready")


API: AbstractSet[Part] = frozenset({plane.apiserver})
PARTS: dict[Part, AbstractSet[Part]] = {
    pki.certify: set(),
    network.bridge: set(),
    plane.etcd: set(),
    plane.apiserver: {plane.etcd, pki.certify, network.bridge},
    plane.controllers: {plane.apiserver},
    node.containerd: set(),
    node.kubelet: {plane.apiserver, node.containerd},
    node.proxy: {plane.apiserver},
    node.names: {plane.apiserver},
    image_pause: {node.containerd},
    image_headgate: {image_pause},
    image_executor: {image_pause},
    ready: {node.kubelet, image_pause},
    gitea: {network.bridge},
    storage: {network.bridge},
    mlflow: {network.bridge},
    alertmanager: {network.bridge},
    prometheus: {plane.apiserver},
    monitors: {prometheus},
    **dict.fromkeys((gitea_door, storage_door, mlflow_door, monitoring_doors), API),
    **dict.fromkeys((rollouts, workflows, kserve, argocd, traefik), API),
    metrics: {node.kubelet, node.proxy},
}
"""Each part and what must be there first."""


def up() -> Site:
    """Build what is missing, then start the cluster; one that runs only gets Headgate as the checkout is now."""
    with alone("up"):
        if (running() / "ready").exists() and all(process.alive() for process in processes().values()):
            site = Site.load()
            image_headgate(site)
        else:
            site = _start()
    return site


def _start() -> Site:
    _refuse()
    build()
    site = Site.choose()
    site.save()
    note()
    _play(site)
    (site.folder / "ready").touch()
    return site


def _play(site: Site) -> None:
    began = time.monotonic()
    order = TopologicalSorter(PARTS)
    order.prepare()
    with ThreadPoolExecutor(len(PARTS)) as pool:
        doing: dict[Future[None], tuple[Part, float]] = {}
        while order.is_active():
            doing |= {pool.submit(part, site): (part, time.monotonic()) for part in order.get_ready()}
            done, _ = wait(doing, return_when=FIRST_COMPLETED)
            for future in done:
                part, started = doing.pop(future)
                future.result()
                order.done(part)
                _tell(part, time.monotonic() - began, time.monotonic() - started)


def _tell(part: Part, at: float, took: float) -> None:
    name = f"{part.__module__.rpartition('.')[2]}.{part.__name__}"
    sys.stderr.write(f"{at:6.1f} s  {name} ({took:.1f} s)\n")


def _refuse() -> None:
    if os.geteuid():
        raise SystemExit(
            "error: a node needs root; next: sudo make cluster, or a cluster of yours by HEADGATE_E2E_CLUSTER"
        )
    if absent := missing():
        raise SystemExit(f"error: not installed: {', '.join(absent)}; next: make cluster-install, and Go from go.dev")
    if (running() / "site.json").exists():
        raise SystemExit("error: half a cluster runs, or was left; next: make cluster-down")
    if found := network.foreign():
        raise SystemExit(
            f"error: another Kubernetes node is on this machine: {found}; next: use it by HEADGATE_E2E_CLUSTER"
        )
