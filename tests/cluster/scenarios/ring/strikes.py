"""Who is killed, and how it comes back: SIGKILL, without a word before."""

import subprocess
from collections.abc import Callable
from functools import partial
from typing import Any

from cluster import images
from cluster.scenarios.ring.install import RUNS
from cluster.scenarios.ring.small import Small
from cluster.scenarios.ring.waiting import wait

Strike = Callable[[Small], None]
ARGO_CD = ("argocd-application-controller", "argocd-repo-server", "argocd-applicationset-controller")


def processes(*names: str) -> Strike:
    """Return the strike that kills processes of this machine, and starts them again as their supervisor would."""

    def strike(own: Small) -> None:
        for name in names:
            own.ring.cluster.process(name).kill()
        for name in names:
            own.ring.cluster.revive(name)

    return strike


def receivers(own: Small) -> None:
    """Kill both receivers; the kubelet starts them again."""
    found = pods(own, "app.kubernetes.io/component=receiver")
    for pod in found:
        kill(own, pod, "receiver")
    wait(lambda: restarted(own, found), "the receivers to be back", 90, partial(own.ring.cluster.look, RUNS))


def restarted(own: Small, before: list[dict[str, Any]]) -> bool:
    """Say whether every container of pods was started again, and is ready."""
    counts = {pod["metadata"]["name"]: restarts(pod) for pod in before}
    now = pods(own, "app.kubernetes.io/component=receiver")
    return all(restarts(pod) > counts.get(pod["metadata"]["name"], -1) and is_ready(pod) for pod in now)


def restarts(pod: dict[str, Any]) -> int:
    """Return how often a pod's container was started again, -1 before it is known."""
    return max((int(one["restartCount"]) for one in pod["status"].get("containerStatuses", [])), default=-1)


def is_ready(pod: dict[str, Any]) -> bool:
    return all(one["ready"] for one in pod["status"].get("containerStatuses", []))


def step(own: Small) -> None:
    """Take the pod of the step that trains away, as a node that dies does."""
    [pod] = training(own)
    own.ring.cluster.kubectl("-n", RUNS, "delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")


def training(own: Small) -> list[dict[str, Any]]:
    """Return the pod that trains now."""
    found = pods(own, "workflows.argoproj.io/workflow")
    mine = [pod for pod in found if own.name in pod["metadata"]["name"] and "-train-" in pod["metadata"]["name"]]
    return [pod for pod in mine if pod["status"]["phase"] == "Running"]


def pods(own: Small, chosen: str) -> list[dict[str, Any]]:
    return list(own.ring.cluster.get("-n", RUNS, "pods", "-l", chosen)["items"])


def kill(own: Small, pod: dict[str, Any], container: str) -> None:
    """Send SIGKILL to a container of a pod."""
    [status] = [one for one in pod["status"]["containerStatuses"] if one["name"] == container]
    task = status["containerID"].removeprefix("containerd://")
    words = [*images.ctr(own.ring.cluster.site), "tasks", "kill", "--signal", "SIGKILL", task]
    subprocess.run(words, check=True, capture_output=True, timeout=30)
