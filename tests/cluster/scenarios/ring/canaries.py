"""How a canary of a small service went: its steps, or its end."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from cluster.scenarios.ring.forge import ORGANISATION
from cluster.scenarios.ring.install import Installed
from cluster.scenarios.ring.journey import weight
from cluster.scenarios.ring.small import Small, a_row
from cluster.scenarios.ring.traffic import Traffic, failed, share
from cluster.scenarios.ring.versions import Followed, reverts
from cluster.scenarios.ring.waiting import wait
from headgate.records.codec import decode
from headgate.records.live import LiveTag

WEIGHTS = {25, 50}
"""Of the small services' canary plan."""


@dataclass(frozen=True)
class Failed:
    """How a failed canary ended."""

    revert: dict[str, Any]
    files: list[str]
    seconds: float
    spoiled: int
    tag: str
    later: list[Any]


def answers_of(own: Small) -> Traffic:
    """Return requests to a service."""
    return Traffic(own.ring.cluster.site.address("traefik"), own.host, own.path, a_row())


def steps_of(own: Small) -> dict[int, tuple[float, float]]:
    """Wait for a canary to come and to end well, and return when it stood at which weight."""
    steps: dict[int, tuple[float, float]] = {}

    def over() -> bool:
        status = own.status()
        began, _ = steps.get(weight(status), (time.time(), 0.0))
        steps[weight(status)] = (began, time.time())
        return status.get("phase") == "Healthy" and WEIGHTS <= set(steps)

    wait(over, f"the canary of {own.name}", 300, partial(own.ring.cluster.look, own.space))
    return steps


def failing(own: Small, change: Callable[[], object], asked: Traffic | None = None) -> Failed:
    """Make a change that spoils answers, and wait until it is aborted, reverted and well again."""
    gitea, look = own.ring.gitea, partial(own.ring.cluster.look, own.space)
    before, tags = len(reverts(own)), set(gitea.tags("env"))

    def new() -> list[dict[str, Any]]:
        found = reverts(own)
        return found[: len(found) - before]

    traffic = asked or answers_of(own)
    with traffic.flowing():
        change()
        aborted = wait(lambda: own.status().get("abort") and own.status(), "the abort", 180, look)
        back = wait(lambda: weight(own.status()) == 0 and time.time(), "traffic to be back", 30, look)
        after = Followed(own)
        after.until(lambda _: [one["merged"] for one in new()] == [True], "the revert to be merged by rule", 60)
        after.until(lambda status: status["phase"] == "Healthy", "the Rollout to be healthy", 120)
        settled = time.time()
        after.until(lambda _: time.time() > settled + 5, "five seconds more", 10)
    assert [0] == after.weights, "what was reverted to is no canary"
    [revert] = new()
    seconds = datetime.fromisoformat(revert["created_at"]) - datetime.fromisoformat(aborted["abortedAt"])
    [tag] = [tag for tag in set(gitea.tags("env")) - tags if tag.startswith(f"aborted/{own.environment}/{own.name}/")]
    files = gitea.ask("GET", f"repos/{ORGANISATION}/env/pulls/{revert['number']}/files")
    return Failed(
        revert=revert,
        files=sorted(one["filename"].rpartition("/")[2] for one in files),
        seconds=seconds.total_seconds(),
        spoiled=len(failed(traffic.answers)),
        tag=tag,
        later=failed(traffic.between(back + 1, settled + 5)),
    )


def told_by(ring: Installed, tag: str) -> LiveTag:
    """Return what a tag says."""
    found = ring.gitea.ask("GET", f"repos/{ORGANISATION}/env/tags/{tag.replace('/', '%2F')}")
    return decode(str(found["message"]).encode(), LiveTag, tag)


def split(traffic: Traffic, steps: dict[int, tuple[float, float]], model: str) -> dict[int, tuple[int, float]]:
    """Return, for each weight, how many requests there were, and the percentage that a model answered."""
    found = {percent: traffic.between(began + 1, end) for percent, (began, end) in steps.items() if percent in WEIGHTS}
    return {percent: (len(answers), 100 * share(answers, model)) for percent, answers in found.items()}
