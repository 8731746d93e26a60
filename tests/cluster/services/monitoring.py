"""Prometheus and Alertmanager, as `prometheus.monitoring:9090` and `alertmanager.monitoring:9093`."""

import urllib.request

import yaml

from cluster import answers
from cluster.controllers.start import controller
from cluster.kubectl import apply, door, namespace
from cluster.site import Site, program

SPACE = "monitoring"
SILENT = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}


def alertmanager(site: Site) -> None:
    """Start it with a route to nobody; a test brings its own by `routes`."""
    room, own = site.room("alertmanager"), site.address("alertmanager")
    (room / "alertmanager.yml").write_text(yaml.safe_dump(SILENT))
    flags = [f"--config.file={room / 'alertmanager.yml'}", f"--storage.path={room / 'data'}"]
    flags += [f"--web.listen-address={own}", "--cluster.listen-address="]
    controller(site, "alertmanager", ["prometheus-alertmanager", *flags], answers.http(f"http://{own}/-/ready"))


def prometheus(site: Site) -> None:
    """Scrape what PodMonitors say: monitors.py writes their files."""
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
    return {
        "global": {"evaluation_interval": "2s"},
        "rule_files": [str(room / "rules" / "*.yaml"), str(room / "operated" / "*.yaml")],
        "scrape_config_files": [str(room / "scrape" / "*.yaml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [site.address("alertmanager")]}]}]},
    }
