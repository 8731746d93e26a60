"""KServe: turns an InferenceService into a Deployment, and gives its pods their model."""

import base64
import json
import shutil
from pathlib import Path

import yaml

from cluster import answers
from cluster.controllers.start import controller
from cluster.kubectl import Object, apply, apply_files, namespace
from cluster.site import Site, kept, program

SPACE = "kserve"
CHANGES = {"deploy": {"defaultDeploymentMode": "Standard"}, "ingress": {"enableGatewayApi": False}}
"""What differs from the settings that KServe comes with: no Knative, and no Gateway API definitions."""


def kserve(site: Site) -> None:
    """Start the manager; its webhooks are called by URL, as it is no pod."""
    full = kept("kserve", "config/crd/full")
    apply_files(site, *full.glob("serving*.yaml"), *(full / "clusterstoragecontainer").glob("serving*.yaml"))
    apply(site, namespace(SPACE), _settings())
    temporary = site.room("kserve") / "tmp"
    serving = temporary / "k8s-webhook-server" / "serving-certs"
    serving.mkdir(parents=True, exist_ok=True)
    for kind in ("crt", "key"):
        shutil.copyfile(site.folder / "pki" / f"server.{kind}", serving / f"tls.{kind}")
    port, health = site.port("kserve-webhook"), f"127.0.0.1:{site.port('kserve-health')}"
    flags = [
        "--metrics-addr",
        f"127.0.0.1:{site.port('kserve')}",
        "--webhook-port",
        str(port),
        "--health-probe-addr",
        health,
    ]
    env = {"POD_NAMESPACE": SPACE, "TMPDIR": str(temporary)}
    controller(site, "kserve", [program("kserve-manager"), *flags], answers.port(f"127.0.0.1:{port}"), env)
    apply(site, *_webhooks(f"https://127.0.0.1:{port}", (site.folder / "pki" / "ca.crt").read_text()))


def _settings() -> Object:
    settings: Object = yaml.safe_load(kept("kserve", "config/configmap/inferenceservice.yaml").read_text())
    del settings["data"]["_example"]
    for name, change in CHANGES.items():
        settings["data"][name] = json.dumps(json.loads(settings["data"][name]) | change)
    return settings


def _webhooks(url: str, authority: str) -> list[Object]:
    found: list[Object] = [one for one in yaml.safe_load_all(_manifests().read_text()) if one]
    for webhook in (webhook for one in found for webhook in one["webhooks"]):
        path = webhook["clientConfig"]["service"]["path"]
        webhook["clientConfig"] = {"url": f"{url}{path}", "caBundle": _base64(authority)}
    for one in found:
        one["metadata"] = {"name": one["metadata"]["name"]}
    return found


def _manifests() -> Path:
    return kept("kserve", "config/webhook/manifests.yaml")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
