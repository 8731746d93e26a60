"""Which clusters of a person's own are left alone."""

from typing import Any

import pytest

from cluster.theirs import occupied, passwords


def one(kind: str, name: str, space: str = "", **data: str) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name} | ({"namespace": space} if space else {}), "data": data}


HEALTH = {"resource.customizations.health.serving.kserve.io_InferenceService": "return {}"}


@pytest.mark.parametrize(
    "there",
    [
        one("Namespace", "headgate"),
        one("Namespace", "models-staging"),
        one("Application", "prod-flights", "argocd"),
        one("AppProject", "headgate-prod", "argocd"),
        one("ClusterStorageContainer", "headgate"),
        one("ConfigMap", "argo-rollouts-notification-configmap", "argo-rollouts"),
        one("ConfigMap", "argocd-cm", "argocd", **HEALTH),
        one("Rollout", "orders", "models"),
    ],
    ids=lambda there: f"{there['kind']}-{there['metadata']['name']}",
)
def test_what_a_scenario_would_write_over_is_named(there: dict[str, Any]) -> None:
    """One such object is enough, among many that are nobody's business."""
    name, space = there["metadata"]["name"], there["metadata"].get("namespace")

    found = occupied([one("Namespace", "default"), there])

    assert ["/".join([there["kind"].lower(), *([space] if space else []), name])] == found


def test_a_cluster_with_other_peoples_work_alone_is_empty_enough() -> None:
    """Controllers, their settings, and services of other teams stay as they are."""
    others = [
        one("Namespace", "argocd"),
        one("Namespace", "remodels"),
        one("Application", "shop", "argocd"),
        one("AppProject", "default", "argocd"),
        one("Rollout", "shop", "shop"),
        one("ClusterStorageContainer", "default"),
        one("ConfigMap", "argocd-cm", "argocd", url="https://argocd.example.com"),
    ]

    assert [] == occupied(others)


def test_a_password_that_is_not_given_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is asked of the cluster."""
    monkeypatch.setenv("HEADGATE_E2E_GITEA", "x")
    monkeypatch.delenv("HEADGATE_E2E_S3", raising=False)

    with pytest.raises(RuntimeError, match="HEADGATE_E2E_S3 not set"):
        passwords()
