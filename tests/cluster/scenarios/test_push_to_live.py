"""A push to the model repo becomes a live model: through gates, and through Git."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster.scenarios.ring.forge import Gitea
from cluster.scenarios.ring.install import MODELS, RUNS, Installed
from cluster.scenarios.ring.people import a_request, model_repo
from cluster.scenarios.ring.traffic import Traffic, failed, share
from cluster.scenarios.ring.waiting import wait

REQUESTS_A_STEP = 2000


def workflow_of(ring: Installed, commit: str) -> dict[str, Any] | None:
    """Return the Workflow that runs a commit."""
    for found in ring.cluster.get("-n", RUNS, "workflows")["items"]:
        given = {one["name"]: one.get("value") for one in found["spec"]["arguments"]["parameters"]}
        if given.get("revision") == commit:
            return dict(found)
    return None


def ended(ring: Installed, commit: str) -> dict[str, Any] | None:
    found = workflow_of(ring, commit)
    return found if found and found.get("status", {}).get("phase") in {"Succeeded", "Failed", "Error"} else None


def outcomes(workflow: dict[str, Any]) -> dict[str, str]:
    """Return how each step's pod ended."""
    return {node["displayName"]: node["phase"] for node in workflow["status"]["nodes"].values()}


def promotion(gitea: Gitea, known: set[int]) -> dict[str, Any] | None:
    new = [
        one for one in gitea.pulls("env") if one["head"]["ref"].startswith("promote/") and one["number"] not in known
    ]
    return new[0] if new else None


def healthy(ring: Installed, model: str) -> bool:
    """Say whether the Rollout has come to rest on a model."""
    found = ring.cluster.get("-n", MODELS, "rollouts")["items"]
    text = ring.cluster.kubectl("-n", MODELS, "get", "inferenceservices", "-o", "yaml")
    return bool(found) and found[0].get("status", {}).get("phase") == "Healthy" and model in text


def through_git(ring: Installed, folder: Path, until: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Push a commit, wait for its Workflow and its pull request, and return both."""
    gitea = ring.gitea
    known = {int(one["number"]) for one in gitea.pulls("env")}
    commit = gitea.push(model_repo(gitea.checkout(ring.service, folder), until), "flights", f"History until {until}")
    look = partial(ring.cluster.look, RUNS)
    run = wait(lambda: ended(ring, commit), f"a Workflow of {commit} to end", 900, look)
    assert "Succeeded" == run["status"]["phase"], look()
    pull = wait(lambda: promotion(gitea, known), "a pull request", 30, lambda: str(outcomes(run)))
    return run, pull


@pytest.mark.timeout(3600)
def test_a_push_becomes_a_live_model(ring: Installed, tmp_path: Path, measured: dict[str, object]) -> None:
    """Push, Workflow, pull request, merge, canary at its weights, live; and no request fails."""
    folder = tmp_path / "flights"
    _, first = through_git(ring, folder, "2013-04-01")
    ring.gitea.merge("env", first["number"])
    model = first["head"]["ref"].split("/")[-1][:12]
    look = partial(ring.cluster.look, MODELS)
    wait(lambda: healthy(ring, model), f"{model} to be live", 300, look)
    wait(lambda: f"live/prod/{ring.service}/1" in ring.gitea.tags("env"), "the first live tag", 60)
    run, second = through_git(ring, folder, "2013-07-25")
    candidate = second["head"]["ref"].split("/")[-1][:12]
    router = ring.cluster.site.address("traefik")
    traffic = Traffic(router, ring.host, f"/v2/models/{ring.service}/infer", a_request())

    with traffic.flowing():
        wait(lambda: len(traffic.answers) > 100, "traffic", 30)
        merged_at = time.time()
        ring.gitea.merge("env", second["number"])
        steps: dict[int, tuple[float, float]] = {}

        def weights() -> bool:
            rollout = ring.cluster.get("-n", MODELS, "rollouts")["items"][0]["status"]
            weight = int(rollout.get("canary", {}).get("weights", {}).get("canary", {}).get("weight", 0))
            began, _ = steps.get(weight, (time.time(), 0.0))
            steps[weight] = (began, time.time())
            return bool(rollout.get("phase") == "Healthy" and {10, 25, 50} <= set(steps))

        wait(weights, "the canary's steps", 900, look)
        live_at = time.time()
        wait(lambda: time.time() > live_at + 30 or None, "thirty seconds more", 40)

    wait(lambda: f"live/prod/{ring.service}/2" in ring.gitea.tags("env"), "the second live tag", 60)
    split = {
        weight: (len(traffic.between(began + 2, end)), 100 * share(traffic.between(began + 2, end), candidate))
        for weight, (began, end) in steps.items()
        if weight in {10, 25, 50}
    }
    first_weight = min(began for weight, (began, _) in steps.items() if weight > 0) - merged_at
    measured |= {
        "merge_to_first_weight_seconds": round(first_weight, 1),
        "split_percent": {weight: round(value, 1) for weight, (_, value) in split.items()},
        "requests": len(traffic.answers),
        "failed": len(failed(traffic.answers)),
    }
    assert "Succeeded" == run["status"]["phase"]
    assert [] == failed(traffic.answers)[:5]
    for weight, (requests, measure) in split.items():
        assert requests >= REQUESTS_A_STEP
        assert abs(measure - weight) <= 3
