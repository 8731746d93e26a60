"""A PodMonitor means to our Prometheus what it means to the operator's, or it is refused."""

from typing import Any

import pytest

from cluster.services.monitors import scrape_configs


def monitor(**spec: Any) -> dict[str, Any]:
    """Return a PodMonitor as the service chart writes it."""
    usual = {
        "selector": {"matchLabels": {"app": "isvc.flights-predictor"}},
        "podTargetLabels": ["rollouts-pod-template-hash"],
        "podMetricsEndpoints": [{"port": "http", "path": "/metrics", "interval": "5s"}],
    }
    return {"metadata": {"name": "flights", "namespace": "models"}, "spec": usual | spec}


def test_pods_are_chosen_by_label_and_port_in_the_monitor_s_own_namespace() -> None:
    """A dot in a label's value is a dot, not any letter."""
    (config,) = scrape_configs(monitor())

    kept = {
        rule["source_labels"][0]: rule["regex"] for rule in config["relabel_configs"] if rule.get("action") == "keep"
    }
    assert kept == {
        "__meta_kubernetes_pod_label_app": r"isvc\.flights-predictor",
        "__meta_kubernetes_pod_container_port_name": "http",
    }
    assert config["kubernetes_sd_configs"][0]["namespaces"] == {"names": ["models"]}
    assert (config["metrics_path"], config["scrape_interval"]) == ("/metrics", "5s")


def test_the_pod_hash_becomes_the_label_that_the_questions_ask_for() -> None:
    """It tells canary and stable apart."""
    (config,) = scrape_configs(monitor())

    assert {
        "source_labels": ["__meta_kubernetes_pod_label_rollouts_pod_template_hash"],
        "regex": "(.+)",
        "target_label": "rollouts_pod_template_hash",
        "replacement": "$1",
    } in config["relabel_configs"]


@pytest.mark.parametrize(
    "spec",
    [
        {"sampleLimit": 5},
        {"selector": {"matchExpressions": []}},
        {"podMetricsEndpoints": [{"port": "http", "scheme": "https"}]},
    ],
)
def test_what_is_not_translated_is_refused_by_name(spec: dict[str, Any]) -> None:
    """A field that is passed over would be a test that shows nothing."""
    with pytest.raises(ValueError, match="'models/flights' has "):
        scrape_configs(monitor(**spec))
