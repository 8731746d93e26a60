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
"""No account has this name: what it may do, everybody may."""
LONELY = "headgate-lonely"
ALONE = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
KNOCK = f"import urllib.request; urllib.request.urlopen('{RECEIVER}/metrics', timeout=5)"
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"
Rights = set[tuple[str, str]]
"""Kinds of objects, each with the verbs on it."""


@pytest.mark.timeout(900)
def test_pods_run_where_only_restricted_ones_may(ring: Installed, live: str, measured: dict[str, object]) -> None:
    """Both namespaces refuse what asks for more, and hold receivers and a model; the receivers alone bear a token."""
    found = {space: ring.cluster.get("-n", space, "pods")["items"] for space in (RUNS, MODELS)}

    for space in found:
        assert RESTRICTED.items() <= ring.cluster.get("namespace", space)["metadata"]["labels"].items()
        with pytest.raises(RuntimeError, match="violates PodSecurity"):
            ring.cluster.kubectl("-n", space, "run", "rooted", f"--image={IMAGE}", "--dry-run=server")
    bearing = {named(pod) for pods in found.values() for pod in pods if bears_token(pod)}
    measured |= {"pods": {space: len(pods) for space, pods in found.items()}, "pods_with_a_token": sorted(bearing)}
    assert {"headgate-receiver"} == bearing
    assert any(named(pod) == ring.service and live in str(pod["spec"]) for pod in found[MODELS])


@pytest.mark.timeout(900)
def test_accounts_may_do_what_they_must_and_no_more(ring: Installed, measured: dict[str, object]) -> None:
    """In every namespace, what `kubectl auth can-i --list` says of ours beyond what it says of a stranger."""
    spaces = [one["metadata"]["name"] for one in ring.cluster.get("namespaces")["items"]]
    given = {
        account: {space: rights for space in spaces if (rights := more_than_a_stranger(ring.cluster, account, space))}
        for account in ACCOUNTS
    }

    measured |= {
        "rights": {
            account: {space: sorted(some) for space, some in rights.items()} for account, rights in given.items()
        }
    }
    watched = {space: {("rollouts", "get list watch"), ("analysisruns", "get list watch")} for space in watching(ring)}
    assert {
        "step": {},
        "promoter": {},
        "executor": {RUNS: {("workflowtaskresults", "create patch")}},
        "receiver": {RUNS: {("workflows", "create get list watch")}}
        | {space: rights | {("rollouts/status", "patch")} for space, rights in watched.items()},
    } == given


def test_no_role_of_ours_holds_a_star(ring: Installed, measured: dict[str, object]) -> None:
    """Not one that the charts made, and nothing of the cluster's own binds our accounts."""
    roles = ring.cluster.get("roles", "--all-namespaces", "-l", "app.kubernetes.io/part-of=headgate")["items"]
    wide = ring.cluster.get("clusterroles,clusterrolebindings")["items"]

    measured |= {"roles": sorted(f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in roles)}
    assert roles
    assert [] == [role["metadata"]["name"] for role in roles if "*" in str(role["rules"])]
    assert [] == [
        one["metadata"]["name"] for one in wide if "headgate" in str(one.get("subjects", one["metadata"]["name"]))
    ]


@pytest.mark.timeout(300)
def test_the_connection_matrix_is_unproven_where_the_network_enforces_nothing(
    ring: Installed, measured: dict[str, object]
) -> None:
    """A pod that a policy forbids every connection reaches the receiver: then no policy proves anything."""
    try:
        ring.cluster.apply(namespace(LONELY, **RESTRICTED), policy(), knocker())
        ended = wait(lambda: phase(ring.cluster), "the knock to end", 120, lambda: ring.cluster.look(LONELY))
    finally:
        ring.cluster.kubectl("delete", "namespace", LONELY)

    measured |= {"connection_matrix": "unproven: this network enforces no policy"}
    assert "Succeeded" == ended, "this network enforces policies: the matrix can be proven, so write that scenario"


def named(pod: Object) -> str:
    """Return the name that what made a pod gave it."""
    return str(pod["metadata"]["name"]).rsplit("-", 2)[0]


def bears_token(pod: Object) -> bool:
    """Say whether a container of its own can speak to the API server as its account; Argo's executor has to."""
    own = [one for one in pod["spec"]["containers"] if one["name"] != "wait"]
    return any(mount["mountPath"] == TOKEN for one in own for mount in one.get("volumeMounts", []))


def watching(ring: Installed) -> list[str]:
    """Return the namespaces that the receiver is told to watch."""
    told = yaml.safe_load(ring.cluster.get("-n", RUNS, "configmap", "headgate-receiver")["data"]["receive.yaml"])
    return list(told["namespaces"])


def more_than_a_stranger(cluster: Cluster, account: str, space: str) -> Rights:
    """Return what one of our accounts may do in a namespace, and a stranger may not."""
    return set(may(cluster, f"headgate-{account}", space)) - set(may(cluster, STRANGER, space))


def may(cluster: Cluster, account: str, space: str) -> Iterator[tuple[str, str]]:
    """Yield what kubectl lists for an account, one kind or address a line, without the headline."""
    identity = f"--as=system:serviceaccount:{RUNS}:{account}"
    for line in cluster.kubectl("auth", "can-i", "--list", identity, "-n", space).splitlines()[1:]:
        what, _, verbs = line.rpartition("[")
        yield what.split()[0].removesuffix(".argoproj.io").replace(".argoproj.io/", "/"), verbs.rstrip("]")


def policy() -> Object:
    """Return what forbids a namespace every connection."""
    meta = {"name": "alone", "namespace": LONELY}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": ALONE}


def knocker() -> Object:
    """Return a pod that succeeds where it reaches the receiver."""
    closed = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {"name": "knock", "image": IMAGE, "imagePullPolicy": "IfNotPresent", "securityContext": closed}
    user = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "knock", "namespace": LONELY},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": user,
            "containers": [container | {"command": ["python3", "-c", KNOCK]}],
        },
    }


def phase(cluster: Cluster) -> str | None:
    """Return how the knock ended, None before it has."""
    said = cluster.get("-n", LONELY, "pod", "knock").get("status", {}).get("phase")
    return said if said in {"Succeeded", "Failed"} else None
