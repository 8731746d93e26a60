"""A push to the model repo becomes a live model: through gates, and through Git."""

import time
from functools import partial
from pathlib import Path

import pytest

from cluster.scenarios.ring.install import MODELS, Installed
from cluster.scenarios.ring.journey import lives, model_of, rollout, through_git, weight
from cluster.scenarios.ring.people import a_request
from cluster.scenarios.ring.stages import stages
from cluster.scenarios.ring.traffic import Traffic, failed, share
from cluster.scenarios.ring.waiting import wait

REQUESTS_A_STEP = 2000


@pytest.mark.timeout(3600)
def test_a_push_becomes_a_live_model(ring: Installed, live: str, tmp_path: Path, measured: dict[str, object]) -> None:
    """Push, Workflow, pull request, merge, canary at its weights, live; and no request fails."""
    look, before = partial(ring.cluster.look, MODELS), lives(ring, ring.service)
    run, second = through_git(ring, tmp_path / "flights", "2013-07-25")
    candidate = model_of(second)
    router = ring.cluster.site.address("traefik")
    traffic = Traffic(router, ring.host, f"/v2/models/{ring.service}/infer", a_request())

    with traffic.flowing():
        wait(lambda: len(traffic.answers) > 100, "traffic", 30)
        merged_at = time.time()
        ring.gitea.merge("env", second["number"])
        wait(lambda: weight(rollout(ring)) or None, "the canary's first weight", 180, look)
        first_weight = time.time() - merged_at
        took = stages(ring, merged_at)
        steps: dict[int, tuple[float, float]] = {}

        def weights() -> bool:
            status = rollout(ring)
            began, _ = steps.get(weight(status), (time.time(), 0.0))
            steps[weight(status)] = (began, time.time())
            return bool(status.get("phase") == "Healthy" and {10, 25, 50} <= set(steps))

        wait(weights, "the canary's steps", 900, look)
        live_at = time.time()
        wait(lambda: time.time() > live_at + 30 or None, "thirty seconds more", 40)

    wait(lambda: lives(ring, ring.service) > before, "its live tag", 60)
    split = {
        percent: (len(traffic.between(began + 2, end)), 100 * share(traffic.between(began + 2, end), candidate))
        for percent, (began, end) in steps.items()
        if percent in {10, 25, 50}
    }
    measured |= {
        "merge_to_first_weight_seconds": round(first_weight, 1),
        "of_which_until": took,
        "split_percent": {percent: round(value, 1) for percent, (_, value) in split.items()},
        "requests": len(traffic.answers),
        "failed": len(failed(traffic.answers)),
    }
    assert candidate != live
    assert "Succeeded" == run["status"]["phase"]
    assert [] == failed(traffic.answers)[:5]
    for percent, (requests, measure) in split.items():
        assert requests >= REQUESTS_A_STEP
        assert abs(measure - percent) <= 3
