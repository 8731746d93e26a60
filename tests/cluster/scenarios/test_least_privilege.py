"""Who may do what: pods pass Pod Security `restricted`, and each account has the rights it needs and no other."""

from collections.abc import Iterator

import pytest
import yaml

from cluster.kubectl import Object, namespace
from cluster.live import Cluster
from cluster.scenarios.ring.install import IMAGE, MODELS, RECEIVER, RESTRICTED, RUNS, Installed
from cluster.scenarios.ring.waiting import wait

ACCOUNTS = ("step", "promoter", "executor", "receiver")
STRANGER = "nobody-knows-it"
"""No account of this name is there: what it may do, everybody may."""
LONELY = "headgate-lonely"
OWN = ("-l", "app.kubernetes.io/part-of=headgate")
KNOCK = f"import urllib.request; urllib.request.urlopen('{RECEIVER}/push', data=b'', timeout=5)"
Right = tuple[str, str]
"""A kind of object, and the verbs on it."""


@pytest.mark.timeout(900)
def test_pods_run_where_only_restricted_ones_may(ring: Installed, live: str, measured: dict[str, object]) -> None:
    """Both namespaces enforce it, refuse a pod that asks for more, and hold receivers, steps and a served model."""
    spaces = [ring.cluster.get("namespace", space) for space in (RUNS, MODELS)]
    running = {space: pods(ring.cluster, space) for space in (RUNS, MODELS)}
    components = {pod["metadata"]["labels"].get("app.kubernetes.io/component") for pod in running[RUNS]}
    steps = [pod for pod in running[RUNS] if "workflows.argoproj.io/workflow" in pod["metadata"]["labels"]]

    measured |= {"pods": {space: len(found) for space, found in running.items()}}
    assert [RESTRICTED] * 2 == [RESTRICTED & labels(space).items() | dict() for space in spaces]
    for space in (RUNS, MODELS):
        with pytest.raises(RuntimeError, match="violates PodSecurity"):
            ring.cluster.kubectl("-n", space, "run", "rooted", f"--image={IMAGE}", "--dry-run=server")
    assert "receiver" in components
    assert steps
    assert any(ring.service in pod["metadata"]["name"] for pod in running[MODELS])
    assert live
    assert {RUNS: {"receiver"}} == tokens(running)
