"""A bad canary: traffic goes back at once, and the revert opens, is merged by rule, and asks for no new canary."""

import time
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster.scenarios.ring.install import MODELS, SERVING, Installed
from cluster.scenarios.ring.journey import rollout, weight
from cluster.scenarios.ring.people import a_request
from cluster.scenarios.ring.traffic import Traffic, failed
from cluster.scenarios.ring.waiting import wait

MOST_SECONDS_TO_REVERT = 10


def moment(text: str) -> datetime:
    """Return an API's time."""
    return datetime.fromisoformat(text)


@pytest.mark.timeout(1800)
def test_a_failing_canary_is_put_back_and_reverted(
    ring: Installed, live: str, tmp_path: Path, measured: dict[str, object]
) -> None:
    """Half of its answers are errors: weight 0 at once, one revert with the failing analysis, no failure after."""
    gitea, look = ring.gitea, partial(ring.cluster.look, MODELS)
    before = {int(one["number"]) for one in gitea.pulls("env")}
    env = gitea.checkout("env", tmp_path / "env")
    good = (env / "env" / "prod" / ring.service / "serving.yaml").read_text()
    (env / "env" / "prod" / ring.service / "serving.yaml").write_text(SERVING + "faults: {fail_share: 0.5}\n")
    traffic = Traffic(ring.cluster.site.address("traefik"), ring.host, f"/v2/models/{ring.service}/infer", a_request())

    with traffic.flowing():
        gitea.push(env, "env", "Try settings that spoil half of the answers")
        wait(lambda: weight(rollout(ring)) or None, "a canary", 180, look)
        aborted = wait(lambda: rollout(ring).get("abort") and rollout(ring), "the abort", 180, look)
        back = wait(lambda: weight(rollout(ring)) == 0 and time.time(), "traffic to be back", 30, look)

        def reverts() -> list[dict[str, Any]]:
            new = [one for one in gitea.pulls("env") if int(one["number"]) not in before]
            return [one for one in new if one["head"]["ref"].startswith("revert/")]

        wait(reverts, "the revert", 60, look)
        wait(lambda: all(one["merged"] for one in reverts()), "the revert to be merged by rule", 60, look)
        wait(lambda: rollout(ring)["phase"] == "Healthy", "the Rollout to be healthy", 120, look)
        settled = time.time()
        wait(lambda: time.time() > settled + 10 or None, "ten seconds more", 20)

    [revert] = reverts()
    seconds = (moment(revert["created_at"]) - moment(aborted["abortedAt"])).total_seconds()
    spoiled = failed(traffic.answers)
    measured |= {
        "abort_to_revert_seconds": seconds,
        "spoiled_requests": len(spoiled),
        "requests": len(traffic.answers),
    }
    gitea.checkout("env", env)
    assert seconds <= MOST_SECONDS_TO_REVERT
    assert good == (env / "env" / "prod" / ring.service / "serving.yaml").read_text()
    assert "fail_share" not in good
    assert "errors" in revert["body"]
    assert [] == failed(traffic.between(back + 1, settled + 10))[:5]
    assert {500} == {answer.code for answer in spoiled}
    assert any(tag.startswith(f"aborted/prod/{ring.service}/") for tag in gitea.tags("env"))
    assert live in (env / "env" / "prod" / ring.service / "version.yaml").read_text()
