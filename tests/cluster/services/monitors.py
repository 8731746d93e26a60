"""Reads PodMonitors and PrometheusRules, and gives Prometheus what its operator would: a process of its own.

Only what Headgate's charts use is translated; a monitor with another field is refused in the log, and not scraped.
"""

import json
import ssl
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from cluster.controllers.start import controller
from cluster.kubectl import apply_files
from cluster.pins import cache
from cluster.services.monitoring import reload
from cluster.site import Site, kept

Object = dict[str, Any]
POD = "__meta_kubernetes_pod"
KINDS = ("podmonitors", "prometheusrules")
POLL_SECONDS = 1.0
SELECTOR = {"matchLabels"}
SPEC = {"selector", "podTargetLabels", "podMetricsEndpoints"}
ENDPOINT = {"port", "path", "interval"}


def monitors(site: Site) -> None:
    """Serve the operator's definitions, and start the translator."""
    folder = kept("prometheus-operator", "example/prometheus-operator-crd")
    apply_files(site, *(folder / f"monitoring.coreos.com_{kind}.yaml" for kind in KINDS))
    done = site.room("monitors") / "translated"
    command = [sys.executable, "-m", "cluster.services.monitors"]
    env = {"PYTHONPATH": str(Path(__file__).parents[2]), "XDG_CACHE_HOME": str(cache().parents[1])}
    controller(site, "monitors", command, done.exists, env)


def scrape_configs(monitor: Object) -> list[Object]:
    """Return the scrape configurations of one PodMonitor, as the operator writes them."""
    meta, spec = monitor["metadata"], monitor["spec"]
    _refuse_others(meta, spec, SPEC)
    _refuse_others(meta, spec["selector"], SELECTOR)
    return [_scrape_config(meta, spec, number) for number in range(len(spec["podMetricsEndpoints"]))]


def _scrape_config(meta: Object, spec: Object, number: int) -> Object:
    endpoint = spec["podMetricsEndpoints"][number]
    _refuse_others(meta, endpoint, ENDPOINT)
    keep = [_keep(f"label_{name}", value) for name, value in spec["selector"]["matchLabels"].items()]
    labels = [_label(f"label_{name}", name) for name in spec.get("podTargetLabels", [])]
    job = {"target_label": "job", "replacement": f"{meta['namespace']}/{meta['name']}"}
    return {
        "job_name": f"podMonitor/{meta['namespace']}/{meta['name']}/{number}",
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [meta["namespace"]]}}],
        "metrics_path": endpoint.get("path", "/metrics"),
        "scrape_interval": endpoint.get("interval", "30s"),
        "relabel_configs": [
            {"source_labels": [f"{POD}_phase"], "regex": "Pending|Succeeded|Failed|Unknown", "action": "drop"},
            *keep,
            _keep("container_port_name", endpoint["port"]),
            {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
            _label("container_name", "container"),
            _label("name", "pod"),
            job,
            *labels,
            {"target_label": "endpoint", "replacement": endpoint["port"]},
        ],
    }


def _keep(of: str, value: str) -> Object:
    return {"source_labels": [f"{POD}_{_plain(of)}"], "regex": value.replace(".", r"\."), "action": "keep"}


def _label(of: str, name: str) -> Object:
    return {
        "source_labels": [f"{POD}_{_plain(of)}"],
        "regex": "(.+)",
        "target_label": _plain(name),
        "replacement": "$1",
    }


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _refuse_others(meta: Object, found: Object, known: set[str]) -> None:
    if others := sorted(set(found) - known):
        raise ValueError(
            f"PodMonitor '{meta['namespace']}/{meta['name']}' has {others}; monitors.py translates {sorted(known)}"
        )


def _list(site: Site, kind: str) -> list[Object]:
    pki = site.folder / "pki"
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    url = f"https://{site.address('apiserver')}/apis/monitoring.coreos.com/v1/{kind}"
    with urllib.request.urlopen(url, context=context, timeout=10) as answer:
        return list(json.load(answer)["items"])


def _understood(monitor: Object) -> list[Object]:
    try:
        return scrape_configs(monitor)
    except ValueError as err:  # the others are scraped all the same
        sys.stderr.write(f"{err}\n")
        return []


def _translate(site: Site) -> dict[Path, str]:
    """Return what the files of Prometheus should hold."""
    room = site.room("prometheus")
    configs = [config for monitor in _list(site, "podmonitors") for config in _understood(monitor)]
    for discovery in (one for config in configs for one in config["kubernetes_sd_configs"]):
        discovery["kubeconfig_file"] = str(site.kubeconfig)
    files = {room / "scrape" / "monitors.yaml": yaml.safe_dump({"scrape_configs": configs})}
    for rule in _list(site, "prometheusrules"):
        name = f"{rule['metadata']['namespace']}.{rule['metadata']['name']}.yaml"
        files[room / "operated" / name] = yaml.safe_dump(rule["spec"])
    return files


def _write(site: Site, files: dict[Path, str]) -> None:
    there = {file for folder in ("scrape", "operated") for file in site.room(f"prometheus/{folder}").iterdir()}
    changed = [file for file, text in files.items() if file not in there or file.read_text() != text]
    gone = there - set(files)
    for file in changed:
        file.write_text(files[file])
    for file in gone:
        file.unlink()
    if changed or gone:
        reload(site, "prometheus")
        sys.stderr.write(f"wrote {[file.name for file in changed]}, removed {[file.name for file in gone]}\n")


def main() -> None:
    """Translate for ever; what can't be translated now is tried again."""
    site = Site.load()
    while True:
        try:
            _write(site, _translate(site))
            (site.room("monitors") / "translated").touch()
        except (OSError, KeyError) as err:
            sys.stderr.write(f"{type(err).__name__}: {err}\n")
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
