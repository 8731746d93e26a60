"""What may be away for a while: the receiver, its webhooks, Prometheus; each is back when its block ends."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from cluster.scenarios.ring.forge import ORGANISATION
from cluster.scenarios.ring.install import RUNS, Installed
from cluster.scenarios.ring.waiting import wait

RECEIVER = "headgate-receiver"
KNOCKS = ("-n", "argo-rollouts", "secret", "argo-rollouts-notification-secret")


@contextmanager
def without_receiver(ring: Installed) -> Iterator[None]:
    """Let there be no receiver: a quota keeps its pods away, whoever wants them back."""
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "nobody", "namespace": RUNS}}
    ring.cluster.apply(quota | {"spec": {"hard": {"pods": "0"}}})
    try:
        removed(ring, "pods")
        wait(lambda: not named(ring, "pods"), "the receivers to be gone", 60)
        yield
    finally:
        ring.cluster.kubectl("-n", RUNS, "delete", "resourcequota", "nobody")
        removed(ring, "replicasets")  # their controller has begun to wait long between two tries
        wait(lambda: is_back(ring), "the receivers to be back", 120, partial(ring.cluster.look, RUNS))


def named(ring: Installed, kind: str) -> list[str]:
    """Return the receiver's objects of a kind."""
    found = [one["metadata"]["name"] for one in ring.cluster.get("-n", RUNS, kind)["items"]]
    return [one for one in found if one.startswith(f"{RECEIVER}-")]


def removed(ring: Installed, kind: str) -> None:
    for one in named(ring, kind):
        ring.cluster.kubectl("-n", RUNS, "delete", kind, one, "--wait=false")


def is_back(ring: Installed) -> bool:
    found = ring.cluster.get("-n", RUNS, "deployment", RECEIVER)
    return bool(found["status"].get("readyReplicas", 0) == found["spec"]["replicas"])


@contextmanager
def without_webhooks(ring: Installed) -> Iterator[None]:
    """Let nobody reach the receiver: the forge's hook rests, and what Rollouts sends has a wrong token."""
    token = dict(ring.cluster.get(*KNOCKS).get("data") or {})
    told(ring, {key: base64.b64encode(b"wrong").decode() for key in token})
    hooked(ring, "env", active=False)
    try:
        yield
    finally:
        hooked(ring, "env", active=True)
        told(ring, token)


@contextmanager
def without_word_of_pushes(ring: Installed) -> Iterator[None]:
    """Let the forge tell nobody of what is pushed to the model repo; it does not tell of it later either."""
    hooked(ring, ring.service, active=False)
    try:
        yield
    finally:
        hooked(ring, ring.service, active=True)


def told(ring: Installed, token: dict[str, str]) -> None:
    ring.cluster.kubectl("patch", *KNOCKS, "--type=merge", "-p", json.dumps({"data": token}))


def hooked(ring: Installed, repository: str, *, active: bool) -> None:
    place = f"repos/{ORGANISATION}/{repository}/hooks"
    hooks: list[dict[str, Any]] = ring.gitea.ask("GET", place)
    for one in (one for one in hooks if RECEIVER in one["config"]["url"]):
        ring.gitea.ask("PATCH", f"{place}/{one['id']}", {"active": active})


@contextmanager
def without_prometheus(ring: Installed) -> Iterator[None]:
    """Kill Prometheus, and start it again."""
    ring.cluster.process("prometheus").kill()
    try:
        yield
    finally:
        ring.cluster.revive("prometheus")
