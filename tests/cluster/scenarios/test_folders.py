"""Folders of the env repo: a new one is a service, a broken one stops nobody else, a deleted one stops nothing."""

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster.scenarios.ring.install import MODELS, Installed
from cluster.scenarios.ring.small import FEW, QUICK, Small, a_row, headgate, knock, look_again, pushed, written
from cluster.scenarios.ring.traffic import Traffic, failed
from cluster.scenarios.ring.waiting import wait

LEAST_REQUESTS = 300


@pytest.fixture(scope="module")
def env(ring: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the env repo."""
    return ring.gitea.checkout("env", tmp_path_factory.mktemp("checkouts") / "env")


@pytest.fixture(scope="module")
def kettles(ring: Installed, env: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """A service of this module's own; nothing of it stays."""
    name = f"kettles-{secrets.token_hex(2)}"
    own = Small(ring, name, tmp_path_factory.mktemp("code") / name)
    own.code()
    yield own
    own.end(env)


def applicationset(ring: Installed) -> dict[str, str]:
    """Return what the ApplicationSet says of itself: condition → status."""
    found = ring.cluster.get("-n", "argocd", "applicationset", "headgate-prod").get("status", {})
    return {one["type"]: one["status"] for one in found.get("conditions", [])}


def synced(own: Small, commit: str = "") -> bool:
    """Say whether Argo CD has seen a commit, and nothing differs from it."""
    found = own.application().get("status", {}).get("sync", {})
    return found.get("status") == "Synced" and commit in {"", found.get("revision")}


def refused(own: Small) -> str:
    """Return why Argo CD does not sync."""
    conditions = own.application().get("status", {}).get("conditions", [])
    return "; ".join(one["message"] for one in conditions if one["type"].endswith("Error"))


def healed(own: Small) -> float:
    """Spoil two of its objects, and return how long they took to be as Git says."""
    spoil = '{"spec": {"progressDeadlineSeconds": 599}}'
    cluster, began = own.ring.cluster, time.monotonic()
    cluster.kubectl("-n", own.space, "patch", "rollout", own.name, "--type=merge", "-p", spoil)
    cluster.kubectl("-n", own.space, "delete", "podmonitor", own.name)

    def whole() -> bool:
        monitors = cluster.get("-n", own.space, "podmonitors", f"--field-selector=metadata.name={own.name}")
        return bool(monitors["items"]) and own.rollout()["spec"]["progressDeadlineSeconds"] == 600

    wait(whole, "what was spoiled to be as Git says", 60, partial(cluster.look, "argocd"))
    return round(time.monotonic() - began, 1)


@pytest.mark.timeout(600)
def test_a_new_folder_becomes_an_application_by_itself(
    ring: Installed, env: Path, kettles: Small, measured: dict[str, object]
) -> None:
    """A folder is pushed and nothing else is done: the Application is there, and its first model goes live."""
    began = time.monotonic()
    pushed(ring, env, kettles.files(), f"Begin {kettles.name}")
    wait(kettles.application, "an Application", 60, partial(ring.cluster.look, "argocd"))
    appeared = round(time.monotonic() - began, 1)

    before = kettles.rollout()
    model = kettles.first()

    measured |= {"push_to_application_seconds": appeared}
    assert {} == before
    assert "Healthy" == kettles.status()["phase"]
    assert model in ring.cluster.kubectl("-n", MODELS, "get", "rollout", kettles.name, "-o", "yaml")


@contextmanager
def mended(ring: Installed, env: Path, broken: str) -> Iterator[None]:
    """Take a broken folder away at the end, and wait until the ApplicationSet is well."""
    try:
        yield
    finally:
        shutil.rmtree(ring.gitea.checkout("env", env) / broken)
        ring.gitea.push(env, "env", "Take it away")
        look_again(ring, "prod")
        wait(lambda: applicationset(ring).get("ErrorOccurred") == "False", "the ApplicationSet to be well", 60)


@pytest.mark.timeout(600)
def test_one_unparsable_app_stops_nobody_else(
    ring: Installed, env: Path, kettles: Small, measured: dict[str, object]
) -> None:
    """The env repo's CI refuses it; pushed in spite of that, the others' Applications go on, and it can be mended."""
    broken = f"env/prod/broken-{secrets.token_hex(2)}"
    ring.gitea.checkout("env", env)
    written(env, {f"{broken}/app.yaml": "chart: [0.1.0\n"})
    said = headgate(ring, "env", "lint", str(env), folder=env, fine=(1,))
    checked = headgate(ring, "env", "check", str(env), "--base", "HEAD", folder=env, fine=(1,))
    traffic = Traffic(ring.cluster.site.address("traefik"), kettles.host, kettles.path, a_row())

    with traffic.flowing(), mended(ring, env, broken):
        ring.gitea.push(env, "env", "Push what the check refuses")
        knock(ring, "prod")
        wait(lambda: applicationset(ring).get("ErrorOccurred") == "True", "the ApplicationSet to say so", 60)
        plan = (QUICK + FEW).replace("PT6S", "PT7S")
        commit = pushed(ring, env, {f"env/prod/{kettles.name}/serving.yaml": plan}, "Wait a second more")
        began = time.monotonic()
        wait(lambda: synced(kettles, commit), "the others to go on", 60, partial(ring.cluster.look, "argocd"))
        took = round(time.monotonic() - began, 1)
        steps = kettles.rollout()["spec"]["strategy"]["canary"]["steps"]
        wait(lambda: len(traffic.answers) >= LEAST_REQUESTS or None, "enough requests", 60)

    measured |= {"push_to_synced_beside_a_broken_one_seconds": took, "requests": len(traffic.answers)}
    for told in (said, checked):
        assert f"{broken}/app.yaml" in told
        assert kettles.name not in told
    assert {"pause": {"duration": "7s"}} in steps
    assert [] == failed(traffic.answers)[:5]


@pytest.mark.timeout(900)
def test_what_is_deleted_never_stops_what_serves(
    ring: Installed, env: Path, kettles: Small, measured: dict[str, object]
) -> None:
    """The Application, the folder, the whole ApplicationSet: requests are answered on; self-heal works after each."""
    argocd = partial(ring.cluster.look, "argocd")
    traffic = Traffic(ring.cluster.site.address("traefik"), kettles.host, kettles.path, a_row())
    pods = kettles.status()["currentPodHash"]
    seconds: dict[str, float] = {}

    with traffic.flowing():
        seconds["nothing"] = healed(kettles)

        old = kettles.application()["metadata"]["uid"]
        ring.cluster.kubectl("-n", "argocd", "delete", "application", f"prod-{kettles.name}")
        wait(lambda: kettles.application().get("metadata", {}).get("uid", old) != old, "a new Application", 60, argocd)
        wait(lambda: synced(kettles), "it to be synced", 60, argocd)
        seconds["application"] = healed(kettles)

        folder = ring.gitea.checkout("env", env) / "env" / "prod" / kettles.name
        kept = {f"env/prod/{kettles.name}/{file.name}": file.read_text() for file in folder.iterdir()}
        shutil.rmtree(folder)
        ring.gitea.push(env, "env", f"Delete the folder of {kettles.name}")
        look_again(ring, "prod")
        reason = wait(lambda: refused(kettles), "Argo CD to refuse to take all away", 90, argocd)
        without = kettles.status().get("phase")
        commit = pushed(ring, env, kept, f"Put the folder of {kettles.name} back")
        wait(lambda: synced(kettles, commit), "it to be synced", 60, argocd)
        seconds["folder"] = healed(kettles)

        ring.cluster.kubectl("-n", "argocd", "delete", "applicationset", "headgate-prod")
        wait(lambda: not kettles.application(), "its Applications to be gone", 60, argocd)
        ring.cluster.kubectl("apply", "--server-side", "-f", str(env / "appsets" / "prod.yaml"))
        wait(lambda: synced(kettles, commit), "it to be synced", 90, argocd)
        seconds["applicationset"] = healed(kettles)
        wait(lambda: len(traffic.answers) >= LEAST_REQUESTS or None, "enough requests", 60)

    measured |= {"self_heal_seconds_after": seconds, "requests": len(traffic.answers)}
    assert [] == failed(traffic.answers)[:5]
    assert "wipe out all resources" in reason
    assert ("Healthy", pods) == (without, kettles.status()["currentPodHash"])
    assert 1 == sum(kettles.name in tag for tag in ring.gitea.tags("env"))


@pytest.mark.timeout(600)
def test_a_retired_service_ends(ring: Installed, env: Path, kettles: Small, measured: dict[str, object]) -> None:
    """Its pull request is merged: pods, routes and Services go, a ConfigMap says why, and then the folder may go."""
    number = kettles.retire()
    [asked] = [one for one in ring.gitea.pulls("env") if one["number"] == number]

    ring.gitea.merge("env", number)
    began = time.monotonic()
    wait(lambda: not kettles.rollout(), "the Rollout to be gone", 120, partial(ring.cluster.look, MODELS))
    chosen = ("-n", MODELS, "pods,services,inferenceservices,traefikservices,ingressroutes,podmonitors")
    wait(lambda: not mentions(ring.cluster.get(*chosen), kettles.name), "the rest to be gone", 120)
    took = round(time.monotonic() - began, 1)

    [answer] = one_request(ring, kettles)
    why = ("-n", MODELS, "configmaps", f"--field-selector=metadata.name={kettles.name}-retired")
    [left] = wait(lambda: ring.cluster.get(*why)["items"], "the ConfigMap that says why", 30)
    measured |= {"merge_to_gone_seconds": took}
    assert "the scenario is over" in asked["body"]
    assert "the scenario is over" == left["data"]["reason"]
    assert 404 == answer.code
    wait(lambda: synced(kettles), "Argo CD to be done with it", 30)


def mentions(found: dict[str, Any], name: str) -> list[str]:
    """Return what is still there of a service."""
    named = [one["metadata"]["name"] for one in found["items"]]
    return [one for one in named if one == name or one.startswith(f"{name}-")]


def one_request(ring: Installed, own: Small) -> list[Any]:
    """Return the answer to one request."""
    traffic = Traffic(ring.cluster.site.address("traefik"), own.host, own.path, a_row(), clients=1)
    with traffic.flowing():
        wait(lambda: traffic.answers, "an answer", 10)
    return traffic.answers[:1]
