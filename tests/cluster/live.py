"""The cluster that runs, as a test sees it: its objects, its services, and the processes it may kill."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from cluster import images, kubectl
from cluster.kubectl import Object
from cluster.process import Process, await_ready, processes
from cluster.services import monitoring
from cluster.site import Site, program

NAMES = {
    "gitea": "http://gitea.forge:3000",
    "s3": "http://s3.storage:9000",
    "mlflow": "http://mlflow.mlflow:5000",
    "prometheus": "http://prometheus.monitoring:9090",
    "alertmanager": "http://alertmanager.monitoring:9093",
    "traefik": "http://traefik.traefik",
    "argocd-web": "http://argocd-server.argocd",
    "applicationset-webhook": "http://argocd-applicationset-controller.argocd:7000",
}
"""Listener → the URL by which pods and controllers call it; a test calls it by `Cluster.url`."""


@dataclass(frozen=True)
class Cluster:
    """A handle on the running cluster."""

    site: Site

    @classmethod
    def load(cls) -> Self:
        """Return the cluster that `make cluster` left running."""
        return cls(Site.load())

    def url(self, listener: str) -> str:
        """Return the URL at which this machine reaches a listener."""
        return f"http://{self.site.address(listener)}"

    def password(self, name: str) -> str:
        """Return a password: `gitea` of its user `admin`, `s3` of its key `headgate`."""
        return self.site.password(name)

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """Return what kubectl prints."""
        return kubectl.kubectl(self.site, *words, stdin=stdin)

    def get(self, *words: str) -> Object:
        """Return an object, or a list of them."""
        return kubectl.get(self.site, *words)

    def apply(self, *objects: Object) -> None:
        """Apply objects."""
        kubectl.apply(self.site, *objects)

    def process(self, name: str) -> Process:
        """Return a process by the name that `python -m cluster status` lists; it can be killed and restarted."""
        return processes()[name]

    def revive(self, name: str, seconds: float = 60.0) -> None:
        """Start a killed process again, and wait until it is up; its own readiness is the test's to await."""
        process = processes()[name].restart()
        await_ready(process, process.alive, seconds)

    def rules(self, name: str, text: str) -> None:
        """Give Prometheus a file of rules."""
        monitoring.rules(self.site, name, text)

    def routes(self, text: str) -> None:
        """Give Alertmanager its configuration."""
        monitoring.routes(self.site, text)

    def import_headgate(self) -> None:
        """Make `headgate:dev` what the checkout is now; pods that start from here on run it."""
        images.load_headgate(self.site)

    def look(self, *spaces: str) -> str:
        """Return what a person would look at first after a failure: objects, events, and logs of the pods."""
        return "\n".join(part for space in spaces for part in self._look(space))

    def _look(self, space: str) -> Iterator[str]:
        kinds = "pods,inferenceservices,rollouts,analysisruns,workflows,applications"
        yield f"== {space}\n" + self.kubectl("-n", space, "get", kinds, "-o", "wide", "--ignore-not-found")
        yield self.kubectl("-n", space, "get", "events", "--sort-by=.lastTimestamp")
        for pod in self.get("-n", space, "pods")["items"]:
            name = pod["metadata"]["name"]
            every = ("--all-containers", "--prefix", "--tail=15", "--ignore-errors")
            yield self.kubectl("-n", space, "logs", name, *every)

    def helm(self) -> str:
        """Return the path of helm."""
        return program("helm")
