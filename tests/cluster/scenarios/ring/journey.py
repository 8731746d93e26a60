"""The journey as a person follows it: push, Workflow, pull request, Rollout."""

from functools import partial
from pathlib import Path
from typing import Any

from cluster.scenarios.ring.forge import Gitea
from cluster.scenarios.ring.install import MODELS, RUNS, Installed
from cluster.scenarios.ring.people import a_request, model_repo
from cluster.scenarios.ring.traffic import Traffic
from cluster.scenarios.ring.waiting import wait

AGAIN = ("--subresource=status", "--type=merge", '--patch={"status": {"abort": false}}')


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


def model_of(pull: dict[str, Any]) -> str:
    """Return the twelve characters of the model that a promotion's branch names."""
    return str(pull["head"]["ref"]).split("/")[-1][:12]


def at_rest(ring: Installed) -> None:
    """Wait until Argo CD has seen the env repo as it is now, with requests for a canary that a changed chart brings."""
    ring.cluster.kubectl(
        "-n", "argocd", "annotate", "--overwrite", *application(ring), "argocd.argoproj.io/refresh=normal"
    )
    if rollout(ring).get("abort"):  # one that nobody asked anything, and that so came to its deadline: once more
        ring.cluster.kubectl("-n", MODELS, "patch", "rollout", ring.service, *AGAIN)
    router, path = ring.cluster.site.address("traefik"), f"/v2/models/{ring.service}/infer"
    with Traffic(router, ring.host, path, a_request()).flowing():
        wait(partial(rests, ring), "the service to come to rest", 600, partial(ring.cluster.look, MODELS))


def rests(ring: Installed) -> bool:
    """Say whether nothing moves: what Git says is there, and healthy."""
    found = ring.cluster.get("-n", "argocd", *application(ring))
    seen = "argocd.argoproj.io/refresh" not in found["metadata"].get("annotations", {})
    said = found["status"]["sync"]["status"], found["status"]["health"]["status"]
    return seen and said == ("Synced", "Healthy")


def application(ring: Installed) -> tuple[str, str]:
    return "applications", f"prod-{ring.service}"


def rollout(ring: Installed) -> dict[str, Any]:
    """Return the Rollout's status."""
    return dict(ring.cluster.get("-n", MODELS, "rollouts", ring.service)["status"])


def lives(ring: Installed, service: str) -> int:
    """Return how many revisions of a service have been live in prod."""
    return sum(tag.startswith(f"live/prod/{service}/") for tag in ring.gitea.tags("env"))


def weight(status: dict[str, Any]) -> int:
    """Return the canary's percentage of requests."""
    return int(status.get("canary", {}).get("weights", {}).get("canary", {}).get("weight", 0))
