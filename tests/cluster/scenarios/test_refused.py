"""A candidate that is no better, or nothing new, is trained and judged like any other; nobody is asked for it."""

import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster.scenarios.ring.bucket import content
from cluster.scenarios.ring.forge import git
from cluster.scenarios.ring.install import RUNS, Installed
from cluster.scenarios.ring.journey import ended, outcomes, workflow_of
from cluster.scenarios.ring.outages import without_word_of_pushes
from cluster.scenarios.ring.people import model_repo
from cluster.scenarios.ring.waiting import wait
from headgate.records.codec import decode
from headgate.records.judgement import Verdict
from headgate.specs.environment import Version
from headgate.specs.reading import parse

PARAMS, POOR = "params: {}, seed: 7", "params: {max_iter: 2, max_leaf_nodes: 2}, seed: 7"
"""Two stumps in place of a hundred trees: the gate must find out."""
NEWER = timedelta(days=24)
"""Later than the champion's last row: three weeks of gate rows, a day between, and some."""
MOST_SECONDS_BY_WATCH = 60


def champion(ring: Installed, folder: Path) -> Version:
    """Return what main names."""
    text = (ring.gitea.checkout("env", folder) / "env" / "prod" / ring.service / "version.yaml").read_text()
    return parse(text, Version, "version.yaml")


def ran(ring: Installed, folder: Path, message: str) -> dict[str, Any]:
    """Push the model repo and return the Workflow that ran its commit."""
    return run_of(ring, ring.gitea.push(folder, ring.service, message))


def run_of(ring: Installed, commit: str) -> dict[str, Any]:
    """Return the Workflow that ran a commit, once it has ended."""
    return wait(lambda: ended(ring, commit), f"a Workflow of {commit} to end", 900, partial(ring.cluster.look, RUNS))


def verdict_of(ring: Installed, run: dict[str, Any]) -> Verdict:
    """Return the verdict that a run left in the bucket."""
    nodes = [node for node in run["status"]["nodes"].values() if node["displayName"] == "gate"]
    [key] = {one["s3"]["key"] for node in nodes for one in node["outputs"]["artifacts"] if one["name"] == "gate"}
    return decode(content(ring, key), Verdict)


@pytest.mark.timeout(1200)
def test_a_candidate_that_the_gate_refuses_is_not_proposed(
    ring: Installed, live: str, tmp_path: Path, measured: dict[str, object]
) -> None:
    """Worse parameters are pushed: the Workflow succeeds, its verdict is kept, and there is no pull request."""
    before = champion(ring, tmp_path / "env")
    known = {int(one["number"]) for one in ring.gitea.pulls("env")}
    assert before.dataset.end is not None
    code = model_repo(ring.gitea.checkout(ring.service, tmp_path / "flights"), f"{before.dataset.end + NEWER:%Y-%m-%d}")
    spec = code / "service.yaml"
    good = spec.read_text()
    spec.write_text(good.replace(PARAMS, POOR))

    run = ran(ring, code, "Try two stumps")

    spec.write_text(good)
    verdict = verdict_of(ring, run)
    against = [one.rule for one in verdict.findings if one.outcome == "fail"]
    measured |= {"refused_by": against}
    assert POOR not in good
    assert "Succeeded" == run["status"]["phase"]
    assert ("Succeeded", "Succeeded") == (outcomes(run)["train"], outcomes(run)["gate"])
    assert "fail" == verdict.outcome
    assert against
    assert verdict.model.sha256[:12] != live
    assert outcomes(run).get("propose", "Skipped") in {"Skipped", "Omitted"}
    assert known == {int(one["number"]) for one in ring.gitea.pulls("env")}
    assert before == champion(ring, tmp_path / "env")


@pytest.mark.timeout(1200)
def test_a_lost_push_of_the_same_data_and_code_proposes_nothing(
    ring: Installed, live: str, tmp_path: Path, measured: dict[str, object]
) -> None:
    """The champion's own commit is pushed anew, and lost on the way: it runs, makes the same model, and no request."""
    before = champion(ring, tmp_path / "env")
    known = {int(one["number"]) for one in ring.gitea.pulls("env")}
    code = ring.gitea.checkout(ring.service, tmp_path / "flights")
    git(code, "fetch", "--quiet", ring.gitea.url(ring.service))
    git(code, "checkout", str(before.commit), "--", ".")

    look = partial(ring.cluster.look, RUNS)
    with without_word_of_pushes(ring):
        commit, began = ring.gitea.push(code, ring.service, "The champion's code once more"), time.monotonic()
        wait(lambda: workflow_of(ring, commit), "a run of a push that nobody told of", MOST_SECONDS_BY_WATCH, look)
        found = round(time.monotonic() - began, 1)

    run = run_of(ring, commit)

    verdict = verdict_of(ring, run)
    measured |= {"verdict": verdict.outcome, "push_to_run_seconds_by_watch_alone": found}
    assert f"ct-{ring.service}-{commit[:12]}" == run["metadata"]["name"]
    assert "Succeeded" == run["status"]["phase"]
    assert live == verdict.model.sha256[:12] == before.model.sha256[:12]
    assert known == {int(one["number"]) for one in ring.gitea.pulls("env")}
    assert before == champion(ring, tmp_path / "env")
