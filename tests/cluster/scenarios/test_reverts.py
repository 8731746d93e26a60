"""Ways back that people take: in mid-canary, after a promotion, two versions on, and to a model that nobody judged."""

import secrets
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from cluster.scenarios.ring.canaries import answers_of
from cluster.scenarios.ring.install import MODELS, Installed
from cluster.scenarios.ring.journey import weight
from cluster.scenarios.ring.small import Small, pushed
from cluster.scenarios.ring.traffic import Traffic, failed
from cluster.scenarios.ring.versions import (
    Followed,
    Version,
    bans,
    last_of,
    named_now,
    proposed,
    rests_on,
    reverts,
    said_of,
    serving,
)
from cluster.scenarios.ring.waiting import wait

SECOND, THIRD = "2020-04-21T12:00", "2020-04-28T12:00"
LEAST_REQUESTS = 300
MOST_SECONDS_BACK = 15


class Mills(NamedTuple):
    """A service, a checkout of the env repo, and three models that passed the gate: A is live."""

    own: Small
    env: Path
    a: Version
    b: Version
    c: Version


@pytest.fixture(scope="module")
def mills(ring: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mills]:
    """A service of this module's own; nothing of it stays."""
    name = f"mills-{secrets.token_hex(2)}"
    own = Small(ring, name, tmp_path_factory.mktemp("code") / name)
    own.code()
    env = ring.gitea.checkout("env", tmp_path_factory.mktemp("checkouts") / "env")
    try:
        pushed(ring, env, own.files(serving=serving()), f"Begin {name}")
        own.first()
        yield Mills(own, env, named_now(own, env), proposed(own, SECOND), proposed(own, THIRD))
    finally:
        own.end(env)


def a_while(traffic: Traffic) -> None:
    """Wait for as many requests as a scenario needs."""
    asked = len(traffic.answers)
    wait(lambda: len(traffic.answers) >= asked + LEAST_REQUESTS or None, "enough requests", 60)


def is_tagged(mills: Mills, number: int) -> None:
    tag = mills.own.tag("live", number)
    wait(lambda: tag in mills.own.ring.gitea.tags("env"), tag, 60, partial(mills.own.ring.cluster.look, MODELS))


@pytest.mark.timeout(600)
def test_a_person_reverts_in_mid_canary(ring: Installed, mills: Mills, measured: dict[str, object]) -> None:
    """Main names the live model again: the same pods, no new canary, no pull request, no ban, no failed request."""
    own, traffic, seen = mills.own, answers_of(mills.own), Followed(mills.own)
    stable = own.status()["stableRS"]

    with traffic.flowing():
        commit = mills.b.named(mills.env, "Try the second model")
        seen.until(lambda status: seen.weights[-1:] == [25], "a canary", 180)
        a_while(traffic)
        waits = said_of(ring, mills.c.pull["head"]["sha"])
        mills.a.named(mills.env, "Go back to the first")
        undone = time.time()
        healthy = seen.until(rests_on(own, mills.a.model), "the Rollout to rest on the first", 60)
        a_while(traffic)

    wait(lambda: said_of(ring, commit)[0] == "failure", "the commit's status", 30)
    measured |= {
        "push_to_healthy_seconds": round(healthy - undone, 1),
        "push_to_last_answer_seconds": round(last_of(traffic, mills.b.model, undone), 1),
        "requests": len(traffic.answers),
    }
    assert [] == failed(traffic.answers)[:5]
    assert ("pending", "waits: a canary of this service is on its way") == waits
    assert [0] == seen.weights[-1:]
    assert (stable, stable) == (own.status()["stableRS"], own.status()["currentPodHash"])
    assert ([], "bans: []\n") == (reverts(own), bans(own, mills.env))
    assert "withdrawn" in said_of(ring, commit)[1]


@pytest.mark.timeout(900)
def test_what_nobody_judged_never_takes_all(ring: Installed, mills: Mills, measured: dict[str, object]) -> None:
    """A live, B in canary, C merged in spite of the block and promoted, C's commit reverted: B takes its own steps."""
    own, traffic, seen = mills.own, answers_of(mills.own), Followed(mills.own)

    with traffic.flowing():
        mills.b.named(mills.env, "The second model")
        Followed(own).until(lambda status: weight(status) == 25, "B in canary", 180)
        unproven = own.status()["currentPodHash"]
        mills.c.named(mills.env, "The third, in spite of the block")
        is_tagged(mills, 2)
        mills.b.named(mills.env, "Revert the third")
        reverted = time.time()
        seen.until(lambda status: unproven == status["currentPodHash"] and seen.weights[-1:] == [25], "B again", 60)
        at_first = share_of(traffic, mills.b.model, time.time() - reverted)
        seen.until(lambda status: status["stableRS"] == unproven, "B to have all", 240)
        is_tagged(mills, 3)

    asked = examined(ring, unproven)
    measured |= {
        "weights": seen.weights,
        "seconds_in_steps": round(time.time() - reverted, 1),
        "requests": len(traffic.answers),
    }
    assert [] == failed(traffic.answers)[:5]
    assert not seen.skipped
    assert [25, 50] == [one for one in seen.weights if one in {25, 50}]
    assert at_first <= 0.5
    assert {"2", "5"} <= asked


def share_of(traffic: Traffic, model: str, seconds: float) -> float:
    """Return a model's share of the last answers."""
    late = traffic.between(time.time() - seconds, time.time())
    return sum(one.model == model for one in late) / max(1, len(late))


def examined(ring: Installed, pods: str) -> set[str]:
    """Return the steps of these pods' last revision whose analysis was successful."""
    found = ring.cluster.get("-n", MODELS, "analysisruns", "-l", f"rollouts-pod-template-hash={pods}")["items"]
    revision = max(int(one["metadata"]["annotations"]["rollout.argoproj.io/revision"]) for one in found)
    own = [one for one in found if one["metadata"]["annotations"]["rollout.argoproj.io/revision"] == str(revision)]
    return {one["metadata"]["labels"].get("step-index", "") for one in own if one["status"]["phase"] == "Successful"}


@pytest.mark.timeout(600)
def test_a_revert_to_the_last_live_version_is_fast(ring: Installed, mills: Mills, measured: dict[str, object]) -> None:
    """By a pull request that Headgate words: its steps are skipped, and all traffic is back soon after the merge."""
    own, traffic, seen = mills.own, answers_of(mills.own), Followed(mills.own)
    own.headgate("propose", "--revert", own.name, "prod", "--reason", "the second is worse on Sundays")
    [pull] = [one for one in reverts(own) if one["state"] == "open"]

    with traffic.flowing():
        a_while(traffic)
        merged = time.time()
        ring.gitea.merge("env", pull["number"])
        seen.until(rests_on(own, mills.c.model), "the Rollout to rest on the third", 120)
        a_while(traffic)

    is_tagged(mills, 4)
    seconds = last_of(traffic, mills.b.model, merged)
    measured |= {"merge_to_all_back_seconds": round(seconds, 1), "requests": len(traffic.answers)}
    assert [] == failed(traffic.answers)[:5]
    assert seconds <= MOST_SECONDS_BACK
    assert named_now(own, mills.env).model == mills.c.model


@pytest.mark.timeout(600)
def test_a_revert_two_versions_back_is_fast(ring: Installed, mills: Mills, measured: dict[str, object]) -> None:
    """The first model was live before all others: its pods are made anew, and its steps are skipped."""
    own, traffic, seen = mills.own, answers_of(mills.own), Followed(mills.own)

    with traffic.flowing():
        a_while(traffic)
        mills.a.named(mills.env, "Back to the very first")
        undone = time.time()
        seen.until(rests_on(own, mills.a.model), "the Rollout to rest on the first", 120)
        a_while(traffic)

    is_tagged(mills, 5)
    seconds = last_of(traffic, mills.c.model, undone)
    measured |= {"push_to_all_back_seconds": round(seconds, 1), "requests": len(traffic.answers)}
    assert [] == failed(traffic.answers)[:5]
    assert seconds <= 2 * MOST_SECONDS_BACK
    assert "bans: []\n" == bans(own, mills.env)
