"""dev, staging, prod: a model goes on by pull requests, after its soak, and only where it was good."""

import secrets
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster.scenarios.ring.canaries import answers_of, failing, told_by
from cluster.scenarios.ring.environments import SOAK_SECONDS, Chain, chain, restarted
from cluster.scenarios.ring.forge import IDENTITY, git
from cluster.scenarios.ring.install import RUNS, Installed
from cluster.scenarios.ring.small import FEW, FIRST, SECOND, Small
from cluster.scenarios.ring.waiting import wait

SERVING = "canary: {steps: [50], pause: PT3S, interval: PT5S, min_requests: 100, deadline: PT10M, warm: PT30S}\n" + FEW
LATEST_SECONDS = 20
"""From the soak's end to the run that judges the model: the receiver weighs every five."""


@pytest.fixture(scope="module")
def pumps(ring: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """A service of this module's own in three environments; nothing of it stays."""
    name, folder = f"chain-{secrets.token_hex(2)}", tmp_path_factory.mktemp("chain")
    own = Small(ring, name, folder / name)
    own.code()
    with chain(own, folder / "env", SERVING) as made:
        yield made


def asked(own: Small) -> list[dict[str, Any]]:
    """Return the pull requests that ever asked for a model in an environment."""
    branch = f"promote/{own.environment}/{own.name}/"
    return [one for one in own.ring.gitea.pulls("env") if one["head"]["ref"].startswith(branch)]


def runs(own: Small) -> list[dict[str, Any]]:
    """Return the Workflows that judge a model for an environment, oldest first."""
    chosen = f"headgate.dev/service={own.name},headgate.dev/environment={own.environment}"
    found = own.ring.cluster.get("-n", RUNS, "workflows", "-l", chosen)["items"]
    return sorted(
        (one for one in found if one["metadata"]["name"].startswith("promote-")),
        key=lambda one: str(one["metadata"]["creationTimestamp"]),
    )


def came(own: Small, number: int) -> dict[str, Any]:
    """Wait for the `number`-th pull request of an environment, and return it."""
    look = partial(own.ring.cluster.look, RUNS)
    return wait(lambda: asked(own)[:1] * (len(asked(own)) >= number), f"promotion {number}", 240, look)[0]


def live(own: Small, pull: dict[str, Any], number: int) -> datetime:
    """Merge a promotion, wait until it is live, and return since when."""
    own.ring.gitea.merge("env", pull["number"])
    wait(lambda: own.is_live(number), f"{own.name} to be live in {own.environment}", 240, partial(look_at, own))
    return told_by(own.ring, own.tag("live", number)).at


def look_at(own: Small) -> str:
    return own.ring.cluster.look(RUNS, own.space)


def created(found: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(found["metadata"]["creationTimestamp"])


@pytest.mark.timeout(1200)
def test_a_model_goes_from_dev_to_prod_by_pull_requests(
    ring: Installed, pumps: Chain, measured: dict[str, object]
) -> None:
    """Live in dev, it is proposed to staging; live there, to prod when its soak is over, whoever restarts meanwhile."""
    live(pumps.dev, pumps.dev.proposed(FIRST), 1)
    staged = came(pumps.staging, 1)
    since = live(pumps.staging, staged, 1)
    over = since + timedelta(seconds=SOAK_SECONDS)

    ring.cluster.kubectl("-n", RUNS, "rollout", "restart", "deployment/headgate-receiver")
    restarted(ring)
    wait(lambda: time.time() > over.timestamp() - 2 or None, "the last moments of the soak", SOAK_SECONDS + 10)
    early = (runs(pumps.prod), asked(pumps.prod), time.time() < over.timestamp())
    [run] = wait(lambda: runs(pumps.prod), "the run for prod", 60, partial(ring.cluster.look, RUNS))
    last = came(pumps.prod, 1)
    live(pumps.prod, last, 1)

    measured |= {
        "soak_seconds": SOAK_SECONDS,
        "soak_end_to_run_seconds": (created(run) - over).total_seconds(),
        "soak_end_to_pull_request_seconds": (datetime.fromisoformat(last["created_at"]) - over).total_seconds(),
    }
    assert ([], [], True) == early
    assert timedelta(seconds=-1) <= created(run) - over <= timedelta(seconds=LATEST_SECONDS)
    assert [1, 1] == [len(asked(own)) for own in (pumps.staging, pumps.prod)]
    assert 1 == len({one["head"]["ref"].split("/")[-1] for one in (staged, last, *asked(pumps.dev))})


@pytest.mark.timeout(1200)
def test_a_failed_staging_stops_a_model(
    ring: Installed, pumps: Chain, tmp_path: Path, measured: dict[str, object]
) -> None:
    """The next model is live in dev and fails its canary in staging: it is reverted there, and never asked for prod."""
    second = pumps.dev.proposed(SECOND)
    with answers_of(pumps.dev).flowing():
        live(pumps.dev, second, 2)
    staged = came(pumps.staging, 2)
    branch = str(staged["head"]["ref"])
    checkout = ring.gitea.checkout("env", tmp_path / "env")
    git(checkout, "fetch", "--quiet", ring.gitea.url("env"), branch)
    git(checkout, "checkout", "--quiet", "FETCH_HEAD")
    file = checkout / "env" / "staging" / pumps.staging.name / "serving.yaml"
    file.write_text(SERVING + "faults: {fail_share: 0.5}\n")
    git(checkout, *IDENTITY, "commit", "--quiet", "--all", "--message", "With settings that do not work")
    git(checkout, "push", "--quiet", ring.gitea.url("env"), f"HEAD:{branch}")

    found = failing(pumps.staging, lambda: ring.gitea.merge("env", staged["number"]))
    ended = time.time()
    wait(lambda: time.time() > ended + SOAK_SECONDS + LATEST_SECONDS or None, "another soak", 90)

    measured |= {"abort_to_revert_seconds": found.seconds, "spoiled_requests": found.spoiled}
    assert ["bans.yaml", "serving.yaml", "version.yaml"] == found.files
    assert [1, 1] == [len(asked(pumps.prod)), len(runs(pumps.prod))]
    assert [2, 2] == [len(asked(pumps.staging)), len(runs(pumps.staging))]
