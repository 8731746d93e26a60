"""What a service has left everywhere, in words that two runs share: no clock times, no digests, no measured numbers."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from cluster.scenarios.ring.bucket import content, keys
from cluster.scenarios.ring.canaries import told_by
from cluster.scenarios.ring.environments import SPACES
from cluster.scenarios.ring.forge import ORGANISATION, git
from cluster.scenarios.ring.install import RUNS
from cluster.scenarios.ring.small import Small

DIGEST = re.compile(r"\b[0-9a-f]{12}(?:[0-9a-f]{28}|[0-9a-f]{52})?\b")
NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")

Dump = dict[str, Any]


def dump(own: Small, env: Path, before: set[str]) -> Dump:
    """Return what is left of a service's journey; `before`: the bucket's keys when it began."""
    return {
        "git": in_git(own, env),
        "tags": in_tags(own),
        "pulls": in_pulls(own),
        "workflows": in_workflows(own),
        "store": in_store(own, before),
        "registry": in_registry(own),
        "cluster": in_cluster(own),
    }


def masked(text: str, own: Small, numbers: str | None = "N") -> str:
    """Return a text without the service's name, digests and, unless they are kept, numbers."""
    plain = DIGEST.sub("#", text.replace(own.name, "SERVICE"))
    return plain if numbers is None else NUMBER.sub(numbers, plain)


def in_git(own: Small, env: Path) -> dict[str, Any]:
    """Return the subjects of the commits of its folder, and its files as they are."""
    own.ring.gitea.checkout("env", env)
    here = f"env/{own.environment}/{own.name}"
    log = git(env, "log", "--format=%an: %s", "--reverse", "--no-merges", "--", here).splitlines()
    files = {file.name: masked(file.read_text(), own) for file in sorted((env / here).iterdir())}
    return {"log": [masked(line, own) for line in log], "files": files}


def in_tags(own: Small) -> list[Any]:
    """Return what each tag says came to its end, and by which answers."""
    names = [one for one in own.ring.gitea.tags("env") if f"/{own.environment}/{own.name}/" in one]
    found = []
    for name in sorted(names):
        record = told_by(own.ring, name)
        failing = sorted(
            {answer.question for one in record.analyses for answer in one.answers if answer.outcome == "fail"}
        )
        found.append([masked(name, own, None), record.outcome, record.revision.chart, failing])
    return found


def in_pulls(own: Small) -> list[Any]:
    """Return every pull request of its own: branch, title, end, files."""
    gitea, found = own.ring.gitea, []
    for one in gitea.pulls("env"):
        if f"/{own.name}/" not in one["head"]["ref"]:
            continue
        files = gitea.ask("GET", f"repos/{ORGANISATION}/env/pulls/{one['number']}/files")
        title = masked(one["title"], own)
        branch = masked(one["head"]["ref"], own, None)
        names = sorted(masked(file["filename"], own) for file in files)
        found.append([branch, title, one["state"], one["merged"], one["comments"], names])
    return sorted(found)


def in_workflows(own: Small) -> list[Any]:
    """Return each Workflow with how its steps ended, whatever number of tries they took."""
    found = own.ring.cluster.get("-n", RUNS, "workflows", "-l", f"headgate.dev/service={own.name}")["items"]
    return sorted([masked(one["metadata"]["name"], own, None), one["status"]["phase"], steps(one)] for one in found)


def steps(workflow: Mapping[str, Any]) -> dict[str, str]:
    nodes = workflow["status"]["nodes"].values()
    return {str(node["displayName"]): str(node["phase"]) for node in nodes if node["type"] in {"Retry", "Skipped"}}


def in_store(own: Small, before: set[str]) -> list[str]:
    """Return what came into the bucket, and what was there already that the records which came speak of.

    What is kept by its content is kept once: the journeys' rows are the same, and so are some of their files.
    """
    found = set(keys(own.ring))
    records = [key for key in found - before if key.startswith("runs/")]
    told = b"".join(content(own.ring, key) for key in records)
    named = {key for key in before & found if key.encode() in told}
    return sorted(masked(key, own, None) for key in (found - before) | named)


def in_registry(own: Small) -> list[Any]:
    """Return MLflow's versions of its model, with the names of what is said of them."""
    query = {"filter": f"name='{own.name}'"}
    url = f"{own.ring.cluster.url('mlflow')}/api/2.0/mlflow/model-versions/search"
    versions = httpx.get(url, params=query, timeout=30).raise_for_status().json().get("model_versions", [])
    return sorted(
        [one["version"], one["status"], sorted(tag["key"] for tag in one.get("tags", []))] for one in versions
    )


def in_cluster(own: Small) -> list[Any]:
    """Return what there is of it in its namespace: kinds and names."""
    kinds = "inferenceservices,rollouts,services,traefikservices,ingressroutes,podmonitors,analysistemplates"
    found = own.ring.cluster.get("-n", SPACES[own.environment], kinds)["items"]
    named = [(one["kind"], one["metadata"]["name"]) for one in found if own.name in one["metadata"]["name"]]
    return sorted([kind, masked(name, own)] for kind, name in named)
