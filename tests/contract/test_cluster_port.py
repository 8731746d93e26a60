"""What every cluster promises; the real API server, and the one in memory that other tests lead by the hand."""

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.client import ApiException

from fakes.apiserver import RECEIVER, ApiServer, allowed, apiserver
from fakes.cluster import MemoryCluster
from headgate.adapters.kubernetes import KubernetesCluster
from headgate.errors import MovedError, PermanentError, TransientError
from headgate.ports import Cluster
from headgate.records.cluster import Order

NAMESPACE = "prod"
LABELS = {"app.kubernetes.io/part-of": "headgate"}
GROUP = ("argoproj.io", "v1alpha1", NAMESPACE)
AT = "2026-03-02T09:00:00Z"
pytestmark = pytest.mark.xdist_group("an API server for the port")


def order(name: str = "ct-flights-0a59c87ca54d") -> Order:
    key = name.rpartition("-")[2]
    marks = {"service": "flights", "environment": "prod", "key": key, "attempt": "1"}
    labels = LABELS | {f"headgate.dev/{mark}": value for mark, value in marks.items()}
    return Order(
        name=name,
        template="headgate-ct",
        labels=labels,
        annotations={"headgate.dev/trigger": '{"kind": "trigger/1"}'},
        parameters={"service": "flights"},
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Run one API server for all tests of this file, with the receiver's Role."""
    with apiserver(tmp_path_factory.mktemp("apiserver")) as server:
        server.apply(*allowed(NAMESPACE))
        yield server


@pytest.fixture
def real(server: ApiServer) -> Iterator[KubernetesCluster]:
    """Give the receiver's own view of the API server; its objects go with the test."""
    yield KubernetesCluster(server.api(RECEIVER), (NAMESPACE,), NAMESPACE)
    for plural in ("workflows", "rollouts", "analysisruns"):
        server.custom().delete_collection_namespaced_custom_object(*GROUP, plural)


@pytest.fixture(params=["memory", "kubernetes"])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """Return an empty cluster."""
    if request.param == "memory":
        return MemoryCluster()
    found: Cluster = request.getfixturevalue("real")
    return found


def created(server: ApiServer, kind: str, name: str, **changes: Any) -> dict[str, Any]:
    """Create an object and its status, as its controller would."""
    plural = {"Rollout": "rollouts", "AnalysisRun": "analysisruns", "Workflow": "workflows"}[kind]
    meta = {"name": name, "labels": LABELS} | changes.pop("metadata", {})
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": meta} | changes
    made = server.custom().create_namespaced_custom_object(*GROUP, plural, body)
    if kind == "Rollout":
        made |= {"status": changes["status"]}
        made = server.custom().patch_namespaced_custom_object_status(
            *GROUP, plural, name, {"status": changes["status"]}
        )
    found: dict[str, Any] = made
    return found


def rollout(server: ApiServer, **status: Any) -> dict[str, Any]:
    """Create a Rollout of flights in canary, as the chart makes it."""
    marks = {"model": "b" * 64, "serving": '{"replicas": 2}', "chart": "0.1.0/0.1.0"}
    annotations = {f"headgate.dev/{mark}": value for mark, value in marks.items()}
    steps = [{"setWeight": 10}, {"pause": {"duration": "1s"}}, {"analysis": {"templates": [{"templateName": "x"}]}}]
    canary = {"steps": [*steps, {"setWeight": 25}, *steps[1:]]}
    return created(
        server,
        "Rollout",
        "flights",
        metadata={"annotations": annotations | {"rollout.argoproj.io/revision": "2"}},
        spec={"selector": {"matchLabels": {"app": "x"}}, "strategy": {"canary": canary}, "template": TEMPLATE},
        status={"currentPodHash": "bbb", "stableRS": "aaa", "phase": "Progressing", "currentStepIndex": 2} | status,
    )


def analysis(server: ApiServer, owner: dict[str, Any], status: dict[str, Any]) -> None:
    """Create an AnalysisRun of the first step of a Rollout's canary."""
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": "Rollout",
        "name": "flights",
        "uid": owner["metadata"]["uid"],
    }
    created(
        server,
        "AnalysisRun",
        "flights-bbb-2-2",
        metadata={
            "labels": {"rollouts-pod-template-hash": "bbb", "step-index": "2"},
            "annotations": {"rollout.argoproj.io/revision": "2", "headgate.dev/model": "b" * 64},
            "ownerReferences": [reference],
        },
        spec={"metrics": [{"name": "errors", "provider": {}}]},
        status=status,
    )


TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "x", "image": "x"}]}}


def test_a_workflow_is_created_once(cluster: Cluster) -> None:
    """The name is the lock: the second order finds the first one's Workflow."""
    first, again = cluster.start(order()), cluster.start(order())

    (found,), unreadable = cluster.workflows()

    assert (first, again, unreadable) == (True, False, [])
    assert (found.name, found.service, found.environment) == ("ct-flights-0a59c87ca54d", "flights", "prod")
    assert (found.key, found.attempt, found.trigger) == ("0a59c87ca54d", 1, '{"kind": "trigger/1"}')


def test_an_empty_cluster_lists_nothing(cluster: Cluster) -> None:
    """None is an answer, not an error."""
    assert (cluster.rollouts(), cluster.workflows()) == (([], []), ([], []))


def test_a_rollout_says_where_it_is(server: ApiServer, real: KubernetesCluster) -> None:
    """Marks, pods, weights by step, and what its AnalysisRuns said."""
    canary = {"weights": {"canary": {"weight": 10}, "stable": {"weight": 90}}}
    owner = rollout(server, canary=canary, abortedAt=AT, abort=True, observedGeneration="1")
    result = {"name": "errors", "phase": "Failed", "measurements": [{"phase": "Failed", "value": "[1]"}]}
    analysis(server, owner, {"phase": "Failed", "startedAt": AT, "completedAt": AT, "metricResults": [result]})

    (found,), unreadable = real.rollouts()

    assert unreadable == []
    assert (found.service, found.current, found.stable, found.weight) == ("flights", "bbb", "aaa", 10)
    assert found.weights == (10, 10, 10, 25, 25, 25)
    assert (found.marks.model, found.marks.serving, found.settled) == ("b" * 64, '{"replicas": 2}', True)
    assert found.aborted_at is not None
    assert [(one.phase, one.step, one.measured[0].value) for one in found.judged] == [("Failed", 2, "[1]")]


def test_an_abort_is_never_seen_without_its_reason(server: ApiServer) -> None:
    """An analysis fails and its Rollout aborts between the two lists: an abort without a failure would blame nobody."""
    owner = rollout(server)

    class Meanwhile(KubernetesCluster):
        listed = 0

        def items(self, namespace: str, plural: str, selector: str = "") -> Iterator[bytes]:
            self.listed += 1
            if self.listed == 2:
                analysis(server, owner, {"phase": "Failed", "startedAt": AT, "completedAt": AT})
                status = {"status": {"abortedAt": AT}}
                server.custom().patch_namespaced_custom_object_status(*GROUP, "rollouts", "flights", status)
            return super().items(namespace, plural, selector)

    (found,), _ = Meanwhile(server.api(RECEIVER), (NAMESPACE,), NAMESPACE).rollouts()
    for plural in ("rollouts", "analysisruns"):
        server.custom().delete_collection_namespaced_custom_object(*GROUP, plural)

    assert (found.aborted_at, [one.phase for one in found.judged]) == (None, ["Failed"])


def test_a_metric_says_how_its_last_measurement_ended(server: ApiServer, real: KubernetesCluster) -> None:
    """As Rollouts writes it when a run is terminated that only heard errors: the metric reads `Successful`."""
    owner = rollout(server)
    erred = {"name": "errors", "phase": "Successful", "error": 2, "measurements": [{"phase": "Error", "value": ""}]}
    never = {"name": "p99", "phase": "Successful"}
    analysis(server, owner, {"phase": "Successful", "startedAt": AT, "metricResults": [erred, never]})

    (found,), _ = real.rollouts()

    assert [(one.phase, one.last) for one in found.judged[0].measured] == [
        ("Successful", "Error"),
        ("Successful", "Pending"),
    ]


def test_an_unreadable_object_harms_no_other(server: ApiServer, real: KubernetesCluster) -> None:
    """It is named; the Workflows beside it are listed."""
    real.start(order())
    created(server, "Workflow", "odd", metadata={"labels": LABELS | {"headgate.dev/attempt": "first"}}, spec={})

    found, unreadable = real.workflows()

    assert ["ct-flights-0a59c87ca54d"] == [one.name for one in found]
    assert ["odd"] == [one.name for one in unreadable]


def test_flags_are_set_on_the_pods_that_were_looked_at(server: ApiServer, real: KubernetesCluster) -> None:
    """Both patches, by the receiver's own Role."""
    rollout(server)
    (seen,), _ = real.rollouts()

    real.promote(seen)
    real.abort(seen)

    status = server.custom().get_namespaced_custom_object(*GROUP, "rollouts", "flights")["status"]
    assert (status["promoteFull"], status["abort"]) == (True, True)


def test_a_touch_is_news_each_time(server: ApiServer, real: KubernetesCluster) -> None:
    """A new version of the object, which its controller hears of, and nothing of its spec."""
    rollout(server)
    (seen,), _ = real.rollouts()
    custom = server.custom()
    found = [custom.get_namespaced_custom_object(*GROUP, "rollouts", "flights")["metadata"]]

    for words in ("not seen for 16 s", "not seen for 40 s"):
        real.touch(seen, words)
        found.append(custom.get_namespaced_custom_object(*GROUP, "rollouts", "flights")["metadata"])

    assert len({one["resourceVersion"] for one in found}) == 3
    assert len({one["generation"] for one in found}) == 1


def test_other_pods_than_those_looked_at_are_left_alone(server: ApiServer, real: KubernetesCluster) -> None:
    """Between a look and a patch a merge may have come: nothing goes unjudged to 100 %."""
    rollout(server)
    (seen,), _ = real.rollouts()
    server.custom().patch_namespaced_custom_object_status(
        *GROUP, "rollouts", "flights", {"status": {"currentPodHash": "ccc"}}
    )

    with pytest.raises(MovedError):
        real.promote(seen)

    status = server.custom().get_namespaced_custom_object(*GROUP, "rollouts", "flights")["status"]
    assert "promoteFull" not in status


def test_a_rollout_that_is_gone_needs_no_abort(server: ApiServer, real: KubernetesCluster) -> None:
    """There is nothing left to hold."""
    rollout(server)
    (seen,), _ = real.rollouts()
    server.custom().delete_namespaced_custom_object(*GROUP, "rollouts", "flights")

    real.abort(seen)

    assert real.rollouts() == ([], [])


def test_what_the_role_does_not_give_is_said_in_our_words(server: ApiServer) -> None:
    """Another namespace: no vendor's exception crosses the port, and the next move is named."""
    other = KubernetesCluster(server.api(RECEIVER), ("default",), "default")

    with pytest.raises(PermanentError, match="403") as refused:
        other.rollouts()

    assert not isinstance(refused.value, ApiException)
    assert "Role" in (refused.value.next_step or "")


def test_an_api_server_that_is_down_may_be_asked_again() -> None:
    """A sender that hears 5xx retries."""
    from kubernetes import client  # noqa: PLC0415 - one test's

    settings = client.Configuration()
    settings.host = "https://127.0.0.1:9"
    settings.retries = False

    with pytest.raises(TransientError, match="cannot be reached"):
        KubernetesCluster(client.ApiClient(settings), (NAMESPACE,), NAMESPACE).workflows()
