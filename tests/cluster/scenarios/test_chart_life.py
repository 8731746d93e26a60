"""Both charts by plain Helm, in namespaces of their own: linted, installed, tested, scaled by load, and gone again."""

import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.kubectl import namespace
from cluster.live import NAMES, Cluster
from cluster.scenarios.ring.install import RESTRICTED, ROOT, RUNS, Installed, platform, runtime
from cluster.scenarios.ring.people import a_request
from cluster.scenarios.ring.traffic import Traffic, failed
from cluster.scenarios.ring.waiting import wait

HERE, THERE = "life", "life-models"
"""Where the platform is installed, and the service."""
TEMPORARY = {"Event", "PodMetrics"}
"""What objects leave behind for a while, and Kubernetes takes away by itself: neither chart made them."""
SCALED = {
    "autoscaling": {"min": 1, "max": 3, "cpu_percent": 60},
    "resources": {"cpu": "50m", "memory": "384Mi"},
    "log_answers": False,
}
Objects = set[tuple[str, str, str]]
"""Kind, namespace, name."""


@pytest.fixture
def spaces(ring: Installed) -> Iterator[None]:
    """Two namespaces with what the charts only name: Secrets, and the runtime."""
    cluster = ring.cluster
    cluster.apply(namespace(HERE, **RESTRICTED), namespace(THERE, **RESTRICTED))
    for name, space in (("headgate-receiver", HERE), ("headgate-store", HERE), ("headgate-store", THERE)):
        known = cluster.get("-n", RUNS, "secret", name)
        cluster.apply(known | {"metadata": {"name": name, "namespace": space}})
    runtime(cluster, THERE)
    yield
    cluster.kubectl("delete", "namespace", HERE, THERE)


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("spaces")
def test_the_platform_chart_leaves_nothing_behind(ring: Installed, tmp_path: Path, measured: dict[str, object]) -> None:
    """Linted without a word, ready, closed to strangers; uninstalled, every object of it is gone."""
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(beside(ring)))
    chart, before = str(ROOT / "charts" / "headgate-platform"), objects(ring.cluster)

    lint = helm(ring.cluster, "lint", "--strict", chart, "-n", HERE, "-f", str(values))
    helm(ring.cluster, "install", "headgate", chart, "-n", HERE, "-f", str(values), "--wait", "--timeout=3m")
    installed = objects(ring.cluster)
    tested = helm(ring.cluster, "test", "headgate", "-n", HERE)
    helm(ring.cluster, "uninstall", "headgate", "-n", HERE, "--wait")
    wait(lambda: not left(ring.cluster, before), "its objects to go", 120, lambda: str(left(ring.cluster, before)))

    measured |= {"objects": len(installed - before), "left": [], "excepted": sorted(TEMPORARY)}
    assert "0 chart(s) failed" in lint
    assert "Succeeded" in tested
    assert {"Deployment", "Role", "WorkflowTemplate", "PodMonitor"} <= {kind for kind, _, _ in installed - before}


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("spaces", "live")
def test_the_service_chart_scales_and_leaves_nothing_behind(
    ring: Installed, tmp_path: Path, measured: dict[str, object]
) -> None:
    """Linted, answers through the router, gets a second pod under load without a failed request; then all is gone."""
    cluster, look = ring.cluster, partial(ring.cluster.look, THERE)
    chart, files = str(ROOT / "charts" / "headgate-service"), settings(ring, tmp_path)
    host, before = f"{ring.service}.{THERE}.example.test", objects(cluster)

    lint = helm(cluster, "lint", "--strict", chart, "-n", THERE, *files)
    helm(cluster, "install", ring.service, chart, "-n", THERE, *files)
    wait(lambda: rollout(ring).get("phase") == "Healthy", "the service to be healthy", 180, look)
    installed = objects(cluster)
    tested = helm(cluster, "test", ring.service, "-n", THERE)
    traffic = Traffic(cluster.site.address("traefik"), host, f"/v2/models/{ring.service}/infer", a_request())
    with traffic.flowing():
        began = time.monotonic()
        wait(lambda: rollout(ring).get("availableReplicas", 0) > 1, "a second pod", 240, look)
        scaled = time.monotonic() - began
    helm(cluster, "uninstall", ring.service, "-n", THERE)
    wait(lambda: not left(cluster, before), "its objects to go", 180, lambda: str(left(cluster, before)))

    measured |= {
        "objects": len(installed - before),
        "load_to_second_pod_seconds": round(scaled, 1),
        "requests": len(traffic.answers),
        "failed": len(failed(traffic.answers)),
        "left": [],
        "excepted": sorted(TEMPORARY),
    }
    assert "0 chart(s) failed" in lint
    assert "Succeeded" in tested
    assert [] == failed(traffic.answers)[:5]
    assert {"Rollout", "InferenceService", "HorizontalPodAutoscaler"} <= {kind for kind, _, _ in installed - before}


def beside(ring: Installed) -> dict[str, object]:
    """Return values of a second platform, which no environment names and no Prometheus hears of."""
    told = {"cluster": HERE, "runs": HERE, "namespaces": [THERE]}
    return platform(ring) | {"receiver": told, "notifications": {"create": False}, "rules": {"kind": "ConfigMap"}}


def settings(ring: Installed, folder: Path) -> list[str]:
    """Write the env files of the live service as of an environment of its own, and return Helm's words for them."""
    env = ring.gitea.checkout("env", folder / "env") / "env" / "prod"
    environment = yaml.safe_load((env / "environment.yaml").read_text())
    environment |= {
        "environment": HERE,
        "namespace": THERE,
        "domain": f"{THERE}.example.test",
        "entry": NAMES["traefik"],
    }
    for name, values in (("environment", environment), ("serving", SCALED)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(values))
    own = env / ring.service
    files = (folder / "environment.yaml", own / "app.yaml", folder / "serving.yaml", own / "version.yaml")
    return [word for file in files for word in ("-f", str(file))]


def helm(cluster: Cluster, *words: str) -> str:
    """Return what Helm says; an error holds it too."""
    command = [cluster.helm(), f"--kubeconfig={cluster.site.kubeconfig}", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert not done.returncode, f"{' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


def rollout(ring: Installed) -> dict[str, Any]:
    """Return the service's status, empty before there is one."""
    return dict(ring.cluster.get("-n", THERE, "rollout", ring.service).get("status", {}))


def objects(cluster: Cluster) -> Objects:
    """Return every object of the two namespaces, and every one that is of no namespace."""
    named = {flag: kinds(cluster, flag) for flag in ("true", "false")}
    lists = [("-n", space, ",".join(named["true"])) for space in (HERE, THERE)] + [(",".join(named["false"]),)]
    found = [one for words in lists for one in cluster.get(*words)["items"]]
    told = {(one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]) for one in found}
    return {one for one in told if one[0] not in TEMPORARY}


def kinds(cluster: Cluster, namespaced: str) -> list[str]:
    """Return the kinds of objects that can be listed."""
    return cluster.kubectl("api-resources", "--verbs=list", f"--namespaced={namespaced}", "-o", "name").split()


def left(cluster: Cluster, before: Objects) -> list[tuple[str, str, str]]:
    """Return what is there and was not before."""
    return sorted(objects(cluster) - before)
