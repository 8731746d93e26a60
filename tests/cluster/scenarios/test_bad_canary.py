"""A bad canary: traffic is back at once, one revert comes, whoever is away; without an answer nobody is blamed."""

import secrets
import time
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from cluster.scenarios.ring.canaries import answers_of, failing
from cluster.scenarios.ring.install import MODELS, SERVING, Installed
from cluster.scenarios.ring.outages import without_prometheus, without_receiver, without_webhooks
from cluster.scenarios.ring.people import a_request
from cluster.scenarios.ring.small import Small, pushed
from cluster.scenarios.ring.traffic import Traffic, failed
from cluster.scenarios.ring.versions import (
    Followed,
    Version,
    bans,
    named_now,
    proposed,
    rests_on,
    reverts,
    said_of,
    serving,
)
from cluster.scenarios.ring.waiting import wait

SECOND, THIRD = "2020-04-21T12:00", "2020-04-28T12:00"
MOST_SECONDS_TO_REVERT, MOST_SECONDS_BY_WATCH = 10, 60
DEADLINE_SECONDS = 45
NOBODY_IS_QUICKER = "{p99_ms: 1}"


def moment(text: str) -> datetime:
    """Return an API's time."""
    return datetime.fromisoformat(text)


@pytest.mark.timeout(1800)
def test_a_failing_canary_is_put_back_and_reverted(
    ring: Installed, live: str, tmp_path: Path, measured: dict[str, object]
) -> None:
    """Half of its answers are errors: weight 0 at once, one revert with the failing analysis, no failure after."""
    own, folder = Small(ring, ring.service, tmp_path / "code"), f"env/prod/{ring.service}"
    env = ring.gitea.checkout("env", tmp_path / "env")
    good = (env / folder / "serving.yaml").read_text()
    spoilt = {f"{folder}/serving.yaml": SERVING + "faults: {fail_share: 0.5}\n"}
    traffic = Traffic(ring.cluster.site.address("traefik"), ring.host, own.path, a_request())

    found = failing(own, lambda: pushed(ring, env, spoilt, "Try settings that spoil half of the answers"), traffic)

    measured |= {
        "abort_to_revert_seconds": found.seconds,
        "spoiled_requests": found.spoiled,
        "requests": len(traffic.answers),
    }
    ring.gitea.checkout("env", env)
    assert found.seconds <= MOST_SECONDS_TO_REVERT
    assert good == (env / folder / "serving.yaml").read_text()
    assert "fail_share" not in good
    assert "errors" in found.revert["body"]
    assert [] == found.later[:5]
    assert {500} == {answer.code for answer in failed(traffic.answers)}
    assert live in (env / folder / "version.yaml").read_text()


class Valves(NamedTuple):
    """A service whose first model is live, and a checkout of the env repo."""

    own: Small
    env: Path
    a: Version

    def settings(self, text: str, message: str) -> str:
        """Push a serving.yaml."""
        return pushed(self.own.ring, self.env, {f"env/prod/{self.own.name}/serving.yaml": text}, message)


@pytest.fixture(scope="module")
def valves(ring: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valves]:
    """A service of this module's own; nothing of it stays."""
    name = f"valves-{secrets.token_hex(2)}"
    own = Small(ring, name, tmp_path_factory.mktemp("code") / name)
    own.code()
    env = ring.gitea.checkout("env", tmp_path_factory.mktemp("checkouts") / "env")
    try:
        pushed(ring, env, own.files(serving=serving()), f"Begin {name}")
        own.first()
        yield Valves(own, env, named_now(own, env))
    finally:
        own.end(env)


@pytest.mark.timeout(900)
def test_a_lost_webhook_only_costs_time(ring: Installed, valves: Valves, measured: dict[str, object]) -> None:
    """Nothing reaches the receiver: its watch finds the abort, and the revert comes by itself."""
    with without_webhooks(ring):
        found = failing(valves.own, lambda: valves.settings(serving() + "faults: {fail_share: 0.5}\n", "Spoil"))

    measured |= {"abort_to_revert_seconds_by_watch_alone": found.seconds, "spoiled_requests": found.spoiled}
    assert found.seconds <= MOST_SECONDS_BY_WATCH
    assert ["bans.yaml", "serving.yaml"] == found.files
    assert [] == found.later[:5]


@pytest.mark.timeout(900)
def test_a_receiver_that_was_away_reverts_once(ring: Installed, valves: Valves, measured: dict[str, object]) -> None:
    """A model that is too slow aborts while nobody looks: one revert comes later, and nobody asks for it again."""
    own, before = valves.own, len(reverts(valves.own))
    look = partial(ring.cluster.look, MODELS)
    slow = proposed(own, SECOND)
    strict = serving(questions="[errors, p99]", limits=NOBODY_IS_QUICKER)
    valves.settings(strict, "Ask for answers within a millisecond")
    traffic = answers_of(own)

    with traffic.flowing():
        with without_receiver(ring):
            ring.gitea.merge("env", slow.pull["number"])
            status = wait(lambda: own.status().get("abortedAt") and own.status(), "the abort", 240, look)
            aborted = moment(status["abortedAt"]).timestamp()
            wait(lambda: time.time() > aborted + 15 or None, "Rollouts to have given up telling", 30)
            meanwhile, back = len(reverts(own)), time.time()
        wait(lambda: len(reverts(own)) > before, "the revert", 60, look)
        wait(lambda: reverts(own)[0]["merged"], "the revert to be merged by rule", 60, look)
        Followed(own).until(rests_on(own, valves.a.model), "the Rollout to rest on the first model", 120)
        settled = time.time()
        wait(lambda: time.time() > settled + 12 or None, "another look of each receiver", 30)

    revert = reverts(own)[0]
    valves.settings(serving(), "Ask for less")
    again = own.headgate("run", "--as-of", SECOND, "--environment", "prod", "--name", f"again-{own.name}")
    measured |= {
        "back_to_revert_seconds": round(moment(revert["created_at"]).timestamp() - back, 1),
        "requests": len(traffic.answers),
    }
    assert (before, before + 1) == (meanwhile, len(reverts(own)))
    assert "p99" in revert["body"]
    assert slow.model in bans(own, valves.env)
    assert [] == failed(traffic.answers)[:5]
    assert "is banned with these settings" in again
    assert [] == [one for one in ring.gitea.pulls("env") if one["state"] == "open" and own.name in one["head"]["ref"]]


@pytest.mark.timeout(900)
def test_without_prometheus_the_canary_holds_and_then_ends(
    ring: Installed, valves: Valves, measured: dict[str, object]
) -> None:
    """No answer is neither success nor guilt: held at its first weight until the deadline; no revert, no ban."""
    own, before, known = valves.own, len(reverts(valves.own)), bans(valves.own, valves.env)
    look = partial(ring.cluster.look, MODELS)
    valves.settings(serving(deadline=f"PT{DEADLINE_SECONDS}S"), "Wait less")
    good = proposed(own, THIRD)
    traffic, seen = answers_of(own), Followed(own)

    with traffic.flowing():
        with without_prometheus(ring):
            ring.gitea.merge("env", good.pull["number"])
            seen.until(lambda _: seen.weights[-1:] == [25], "a canary", 180)
            began = time.time()
            seen.until(lambda status: status.get("abortedAt"), "its end", 240)
            held = moment(own.status()["abortedAt"]).timestamp() - began
        commit = merge_of(ring, good)
        wait(lambda: said_of(ring, commit)[0] == "failure", "the commit's status", 60, look)
        settled = time.time()
        wait(lambda: time.time() > settled + 12 or None, "another look of each receiver", 30)
        reverted, banned, words = len(reverts(own)), bans(own, valves.env), said_of(ring, commit)[1]
        valves.a.named(valves.env, "Take it back, as nothing is known of it")
        seen.until(rests_on(own, valves.a.model), "the Rollout to rest on the first model", 120)

    measured |= {"held_seconds": round(held, 1), "weights": seen.weights, "requests": len(traffic.answers)}
    assert held >= DEADLINE_SECONDS
    assert [25] == [one for one in seen.weights if one]
    assert (before, known) == (reverted, banned)
    assert "nobody is blamed" in words
    assert [] == failed(traffic.answers)[:5]


def merge_of(ring: Installed, version: Version) -> str:
    """Return the commit that merged a version."""
    [pull] = [one for one in ring.gitea.pulls("env") if one["number"] == version.pull["number"]]
    return str(pull["merge_commit_sha"])
