"""Where the seconds go from a merge to the first request that a canary may get, in the whole seconds of the API."""

from datetime import datetime
from typing import Any

from cluster.scenarios.ring.install import MODELS, Installed
from cluster.scenarios.ring.journey import application, rollout


def stages(ring: Installed, merged_at: float) -> dict[str, float]:
    """Return, for a canary that has its first weight, the seconds from the merge to the end of each stage."""
    synced = ring.cluster.get("-n", "argocd", *application(ring))["status"]["operationState"]
    chosen = f"rollouts-pod-template-hash={rollout(ring)['currentPodHash']}"
    [replicas] = ring.cluster.get("-n", MODELS, "replicasets", "-l", chosen)["items"]
    pod = ring.cluster.get("-n", MODELS, "pods", "-l", chosen)["items"][0]
    ended = {
        "argo_cd_began": synced["startedAt"],
        "argo_cd_applied": synced["finishedAt"],
        "kserve_rendered": replicas["metadata"]["creationTimestamp"],
        "pod_scheduled": condition(pod, "PodScheduled"),
        "model_fetched": condition(pod, "Initialized"),
        "server_started": started(pod),
        "pod_ready": condition(pod, "Ready"),
    }
    return {stage: round(datetime.fromisoformat(at).timestamp() - merged_at, 1) for stage, at in ended.items()}


def condition(pod: dict[str, Any], kind: str) -> str:
    return str(next(one for one in pod["status"]["conditions"] if one["type"] == kind)["lastTransitionTime"])


def started(pod: dict[str, Any]) -> str:
    """Return when the serving container was started; the one that ships answers is no part of it."""
    serving = next(one for one in pod["status"]["containerStatuses"] if one["name"] != "ship")
    return str(serving["state"]["running"]["startedAt"])
