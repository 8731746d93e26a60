"""Prometheus and Alertmanager, as `prometheus.monitoring:9090` and `alertmanager.monitoring:9093`."""

import urllib.request

import yaml

from cluster import answers
from cluster.controllers.start import controller
from cluster.kubectl import apply, door, namespace
from cluster.site import Site, program

SPACE = "monitoring"
SILENT = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
POD = "__meta_kubernetes_pod"


def alertmanager(site: Site) -> None:
    """Start it with a route to nobody; a test brings its own by `routes`."""
    room, own = site.room("alertmanager"), site.address("alertmanager")
    (room / "alertmanager.yml").write_text(yaml.safe_dump(SILENT))
    flags = [f"--config.file={room / 'alertmanager.yml'}", f"--storage.path={room / 'data'}"]
    flags += [f"--web.listen-address={own}", "--cluster.listen-address="]
    controller(site, "alertmanager", ["prometheus-alertmanager", *flags], answers.http(f"http://{own}/-/ready"))


def prometheus(site: Site) -> None:
    """Scrape what PodMonitors say, and every 2 s the pods that ask for it by `prometheus.io/scrape`."""
    room, own = site.room("prometheus"), site.address("prometheus")
    for folder in ("rules", "scrape", "operated"):
        (room / folder).mkdir(exist_ok=True)
    (room / "prometheus.yml").write_text(yaml.safe_dump(_settings(site)))
    flags = [f"--config.file={room / 'prometheus.yml'}", f"--storage.tsdb.path={room / 'data'}"]
    flags += [f"--web.listen-address={own}", "--web.enable-lifecycle"]
    controller(site, "prometheus", [program("prometheus"), *flags], answers.http(f"http://{own}/-/ready"))


def monitoring_doors(site: Site) -> None:
    """Give both their names in the cluster."""
    doors = [
        *door(site, "prometheus", SPACE, 9090, "prometheus"),
        *door(site, "alertmanager", SPACE, 9093, "alertmanager"),
    ]
    apply(site, namespace(SPACE), *doors)


def rules(site: Site, name: str, text: str) -> None:
    """Give Prometheus a file of rules, and make it read them."""
    (site.room("prometheus") / "rules" / f"{name}.yaml").write_text(text)
    reload(site, "prometheus")


def routes(site: Site, text: str) -> None:
    """Give Alertmanager its configuration, and make it read it."""
    (site.room("alertmanager") / "alertmanager.yml").write_text(text)
    reload(site, "alertmanager")


def reload(site: Site, name: str) -> None:
    """Make Prometheus or Alertmanager read its files again."""
    request = urllib.request.Request(f"http://{site.address(name)}/-/reload", method="POST")
    urllib.request.urlopen(request, timeout=10).close()


def _settings(site: Site) -> dict[str, object]:
    room = site.room("prometheus")
    pods = {
        "job_name": "pods",
        "kubernetes_sd_configs": [{"role": "pod", "kubeconfig_file": str(site.kubeconfig)}],
        "relabel_configs": [
            {
                "source_labels": [f"{POD}_annotation_prometheus_io_scrape"],
                "regex": "true",
                "action": "keep",
            },
            {
                "source_labels": ["__address__", f"{POD}_annotation_prometheus_io_port"],
                "regex": r"([^:]+)(?::\d+)?;(\d+)",
                "replacement": "$1:$2",
                "target_label": "__address__",
            },
            {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
            {"source_labels": [f"{POD}_name"], "target_label": "pod"},
            {"source_labels": [f"{POD}_phase"], "regex": "Pending|Succeeded|Failed", "action": "drop"},
            # tells canary and stable apart
            {
                "source_labels": [f"{POD}_label_rollouts_pod_template_hash"],
                "target_label": "rollouts_pod_template_hash",
            },
        ],
    }
    return {
        "global": {"scrape_interval": "2s", "evaluation_interval": "2s"},
        "rule_files": [str(room / "rules" / "*.yaml"), str(room / "operated" / "*.yaml")],
        "scrape_config_files": [str(room / "scrape" / "*.yaml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [site.address("alertmanager")]}]}]},
        "scrape_configs": [pods],
    }
