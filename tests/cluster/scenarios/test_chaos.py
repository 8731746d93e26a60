"""Everybody is killed once, at moments that have a name; what is left is what is left without it. `make e2e-chaos`."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.scenarios.ring import strikes
from cluster.scenarios.ring.bucket import keys
from cluster.scenarios.ring.canaries import answers_of
from cluster.scenarios.ring.dumps import Dump, dump
from cluster.scenarios.ring.environments import PLATFORM, code_repo, restarted, trained
from cluster.scenarios.ring.install import MODELS, RECEIVER, RUNS, Installed
from cluster.scenarios.ring.journey import weight
from cluster.scenarios.ring.small import FEW, QUICK, Small, pushed
from cluster.scenarios.ring.strikes import ARGO_CD, Strike, processes
from cluster.scenarios.ring.waiting import wait

SERVING = QUICK + FEW + "log_answers: false\n"  # how many answers there are is another every time
BEGUN, TRAINING, MERGED, PODS = "a run has begun", "a step trains", "a promotion is merged", "its first pods start"
CANARY, ABORTED = "a canary takes traffic", "a canary is aborted"

VICTIMS: dict[str, tuple[Strike, tuple[str, ...]]] = {
    "receiver": (strikes.receivers, (BEGUN, MERGED, ABORTED)),
    "workflow-controller": (processes("workflows"), (BEGUN, TRAINING)),
    "step": (strikes.step, (TRAINING,)),
    "rollouts": (processes("rollouts"), (PODS, CANARY)),
    "argo-cd": (processes(*ARGO_CD), (MERGED, ABORTED)),
    "kserve": (processes("kserve"), (MERGED, PODS, CANARY)),
}
"""Who is killed, and when."""


@dataclass(frozen=True)
class World:
    """What every journey starts from."""

    ring: Installed
    env: Path
    services: Mapping[str, Small]


@pytest.fixture(scope="module")
def world(ring: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A service for each journey, known to the receiver; nothing of them stays."""
    folder = tmp_path_factory.mktemp("chaos")
    env = ring.gitea.checkout("env", folder / "env")
    before = (env / PLATFORM).read_text()
    found = {}
    with ExitStack() as stack:
        stack.callback(lambda: pushed(ring, env, {PLATFORM: before}, "As it was"))
        for victim in ("nobody", *VICTIMS):
            name = f"chaos-{secrets.token_hex(2)}"
            found[victim] = Small(ring, name, folder / name)
            found[victim].code()
            code_repo(found[victim])
            ring.gitea.hook(name, f"{RECEIVER}/push", secret=ring.push_secret)
            stack.callback(found[victim].end, env)
        files = {PLATFORM: values(before, found.values())}
        for own in found.values():
            files |= own.files(serving=SERVING)
        pushed(ring, env, files, "Begin the services that things happen to")
        wait(lambda: all(is_known(own) for own in found.values()), "the receiver to know them", 60)
        restarted(ring)
        yield World(ring, env, found)


def values(text: str, services: Any) -> str:
    found = yaml.safe_load(text)
    found["receiver"].setdefault("services", {}).update({own.name: trained(own, "prod") for own in services})
    return yaml.safe_dump(found, sort_keys=False)


def is_known(own: Small) -> bool:
    return own.name in str(own.ring.cluster.get("-n", RUNS, "configmap", "headgate-receiver"))


@pytest.fixture(scope="module")
def calm(world: World) -> tuple[Dump, float]:
    """What a journey leaves that nothing happens to, and how long it takes."""
    began = time.monotonic()
    left = journey(world, "nobody", lambda _: None)
    return left, round(time.monotonic() - began, 1)


def journey(world: World, victim: str, at: Callable[[str], None]) -> Dump:
    """Push, propose, merge, go live, fail a canary, revert; `at` is told of each moment with a name."""
    own, ring, env = world.services[victim], world.ring, world.env
    before, look = set(keys(ring)), partial(ring.cluster.look, RUNS, MODELS)

    ring.gitea.push(own.folder, own.name, "The next commit")
    wait(lambda: workflows(own), "a run", 60, look)
    at(BEGUN)
    wait(lambda: strikes.training(own), "it to train", 180, look)
    at(TRAINING)
    pull = wait(lambda: pulls(own, "promote"), "a pull request", 400, look)[0]
    wait(lambda: {"Succeeded"} == {one["status"].get("phase") for one in workflows(own)}, "the run's end", 200, look)
    ring.gitea.merge("env", pull["number"])
    at(MERGED)
    wait(own.rollout, "a Rollout", 240, look)
    at(PODS)
    wait(lambda: own.is_live(1), "it to be live", 240, look)

    with answers_of(own).flowing():
        spoilt = {f"env/prod/{own.name}/serving.yaml": SERVING + "faults: {fail_share: 0.5}\n"}
        pushed(ring, env, spoilt, "Spoil")
        wait(lambda: weight(own.status()) or None, "a canary", 240, look)
        at(CANARY)
        wait(lambda: own.status().get("abort"), "the abort", 240, look)
        at(ABORTED)
        wait(lambda: any(one["merged"] for one in pulls(own, "revert")), "the revert to be merged", 120, look)
        wait(lambda: rests(own), "it to come to rest", 240, look)
    return dump(own, env, before)


def workflows(own: Small) -> list[dict[str, Any]]:
    return list(own.ring.cluster.get("-n", RUNS, "workflows", "-l", f"headgate.dev/service={own.name}")["items"])


def pulls(own: Small, purpose: str) -> list[dict[str, Any]]:
    branch = f"{purpose}/prod/{own.name}/"
    return [one for one in own.ring.gitea.pulls("env") if one["head"]["ref"].startswith(branch)]


def rests(own: Small) -> bool:
    """Say whether nothing moves any more, and Git has heard of it."""
    status, sync = own.status(), own.application().get("status", {}).get("sync", {})
    aborted = own.tag("aborted", 1) in own.ring.gitea.tags("env")
    quiet = status.get("phase") == "Healthy" and not status.get("abort") and sync.get("status") == "Synced"
    return bool(quiet and aborted and status["currentPodHash"] == status["stableRS"])


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("victim", VICTIMS)
def test_what_is_left_is_what_is_left_without_a_kill(
    world: World, calm: tuple[Dump, float], victim: str, measured: dict[str, object]
) -> None:
    """SIGKILL at each moment: Git, pull requests, Workflows, store, registry and cluster end as in the calm journey."""
    expected, seconds = calm
    strike, moments = VICTIMS[victim]
    struck: list[str] = []
    began = time.monotonic()

    def at(moment: str) -> None:
        if moment in moments:
            strike(world.services[victim])
            struck.append(moment)

    left = journey(world, victim, at)

    measured |= {
        "victim": victim,
        "killed_when": list(moments),
        "seconds": round(time.monotonic() - began, 1),
        "calm_seconds": seconds,
        "left": {part: len(found) for part, found in left.items()},
    }
    assert moments == tuple(struck)
    for part, found in expected.items():
        assert found == left[part], part
