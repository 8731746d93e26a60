"""`headgate receive` as it runs in a pod: a process, a real API server, a store and repositories it reaches by name."""

import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from fakes.apiserver import RECEIVER, ApiServer, allowed, apiserver
from fakes.certificates import Authority
from fakes.serving import free_port, until
from headgate.adapters.forges.gitdir import GitDir
from headgate.records.change import Edit
from unit.receive.station import CLONE, SERVICE, TOKEN, firing
from unit.receive.world import START, A, World, room

RECEIVE = (sys.executable, "-m", "headgate", "receive", "--config")
GROUP = ("argoproj.io", "v1alpha1", "prod", "workflows")
pytestmark = pytest.mark.xdist_group("an API server for the receiver")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Run one API server for all tests of this file."""
    with apiserver(tmp_path_factory.mktemp("apiserver")) as server:
        server.apply(*allowed("prod"))
        yield server


@pytest.fixture
def folder(tmp_path: Path, server: ApiServer) -> Iterator[Path]:
    """Give a folder with all that the process reads, A live in prod."""
    with room(tmp_path) as folder:
        World(folder).go_live(A)
        GitDir.create(folder / "flights.git", [Edit(path="service.yaml", text=SERVICE)])
        trained = {"repository": str(folder / "flights.git"), "clone": CLONE, "image": "headgate@sha256:0"}
        settings = {"namespaces": ["prod"], "runs": "prod", "look": "PT1S", "services": {"flights": trained}}
        (folder / "receive.yaml").write_text(yaml.safe_dump(settings))
        (folder / "token").write_text(TOKEN)
        (folder / "kubeconfig").write_text(yaml.safe_dump(kubeconfig(server)))
        yield folder


def kubeconfig(server: ApiServer) -> dict[str, Any]:
    cluster = {"server": server.url, "certificate-authority": str(server.certificate)}
    return {
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": RECEIVER}}],
    }


@contextlib.contextmanager
def receiving(
    folder: Path, *more: str, probe_port: int | None = None
) -> Iterator[tuple[httpx.Client, "subprocess.Popen[bytes]"]]:
    """Run the process; it is ready before the test goes on."""
    port, log = free_port(), folder / "receive.log"
    places = {"HEADGATE_FORGE": "env.git", "HEADGATE_STORE": "store", "KUBECONFIG": "kubeconfig"}
    environment = os.environ | {name: str(folder / place) for name, place in places.items()}
    command = [*RECEIVE, str(folder / "receive.yaml"), "--port", str(port)]
    command += ["--token-file", str(folder / "token"), "--workspace", str(folder / "workspace"), *more]
    with (
        log.open("wb") as said,
        subprocess.Popen(command, env=environment, stdout=said, stderr=said) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client,
    ):
        try:
            until(lambda: is_ready(client, probe_port), lambda: f"it is not ready:\n{log.read_text()[-3000:]}")
            yield client, process
        finally:
            process.kill()


def is_ready(client: httpx.Client, probe_port: int | None) -> bool:
    url = f"http://127.0.0.1:{probe_port}/readyz" if probe_port else "/readyz"
    with contextlib.suppress(httpx.TransportError):
        return client.get(url).status_code == 200
    return False


def test_an_alert_is_one_workflow_also_across_a_kill(folder: Path, server: ApiServer) -> None:
    """SIGKILL after the first delivery; the next process says that it runs already."""
    body = {"version": "4", "alerts": [firing(START)]}
    headers = {"authorization": f"Bearer {TOKEN}"}
    with receiving(folder) as (client, process):
        first = client.post("/alerts", json=body, headers=headers).json()["services"][0]
        process.send_signal(signal.SIGKILL)

    with receiving(folder) as (client, _):
        again = client.post("/alerts", json=body, headers=headers).json()["services"][0]

    found = server.custom().list_namespaced_custom_object(*GROUP)["items"]
    (parameters,) = [one["spec"]["arguments"]["parameters"] for one in found]
    given = {one["name"]: one["value"] for one in parameters}
    assert (first["decision"], again["decision"]) == ("started", "known")
    assert [first["workflow"]] == [one["metadata"]["name"] for one in found] == [again["workflow"]]
    assert found[0]["spec"]["workflowTemplateRef"] == {"name": "headgate-ct"}
    assert json.loads(given["trigger"])["rule"] == "psi"


def test_a_certificate_stands_for_the_token(folder: Path) -> None:
    """Mutual TLS: without one nobody gets as far as a request; probes have a port of their own."""
    authority, port = Authority(folder), free_port()
    certificate, key = authority.issue("server")
    tls = [
        "--tls-cert",
        certificate,
        "--tls-key",
        key,
        "--client-ca",
        str(folder / "ca.crt"),
        "--probe-port",
        str(port),
    ]
    trusting = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    known = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    known.load_cert_chain(*authority.issue("alertmanager"))
    body = {"version": "4", "alerts": [firing(START)]}
    with receiving(folder, *tls, probe_port=port) as (client, _):
        url = f"https://127.0.0.1:{client.base_url.port}/alerts"

        answer = httpx.post(url, json=body, verify=known, trust_env=False)
        with pytest.raises(httpx.TransportError):
            httpx.post(url, json=body, verify=trusting, trust_env=False)

    assert answer.json()["services"][0]["workflow"].startswith("ct-flights-")


def test_it_ends_in_good_order(folder: Path) -> None:
    """SIGTERM, as a rolling update sends it."""
    with receiving(folder) as (client, process):
        metrics = client.get("/metrics").text
        process.send_signal(signal.SIGTERM)

        assert process.wait(20) == 0
    assert 'headgate_looks_total{outcome="done"}' in metrics


def test_without_a_forge_it_says_what_is_missing(folder: Path) -> None:
    """It does not start, and names the variable."""
    done = subprocess.run(
        [*RECEIVE, str(folder / "receive.yaml")],
        env=os.environ | {"KUBECONFIG": str(folder / "kubeconfig")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert "HEADGATE_FORGE is not set" in done.stderr
