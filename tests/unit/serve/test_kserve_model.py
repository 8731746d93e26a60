"""kserve's own ModelServer with our model in it, from an environment of its own: its pins are not ours."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headgate.models.loading import load
from unit.serve.running import World, changed, rides, world

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / "tests/kserve/.venv/bin/python"
SERVER = """
import sys
from pathlib import Path
from kserve import ModelServer
from headgate.serve.kserve import model
from headgate.serve.mount import Mounted
from headgate.serve.setup.options import ServeOptions
folder, sha256, file, port = sys.argv[1:]
mounted = Mounted(ServeOptions(model=Path(folder), sha256=sha256, service_file=Path(file)))
ModelServer(http_port=int(port), workers=1, enable_grpc=False).start([model(mounted)])
"""

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(not PYTHON.exists(), reason="needs kserve in an environment of its own: `make test-full`"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A packaged model with its service."""
    return world(tmp_path_factory.mktemp("kserve"))


@pytest.fixture(scope="module")
def url(made: World) -> Iterator[str]:
    """Where kserve's ModelServer answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [PYTHON, "-c", SERVER, made.model, made.sha256, made.folder / "service.yaml", str(port)]
    with (made.folder / "kserve.txt").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, cwd=made.folder)
    try:
        wait(process, port, made)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def wait(process: subprocess.Popen[bytes], port: int, made: World) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends and process.poll() is None:
        try:
            if ask(f"http://127.0.0.1:{port}/v2/health/ready")[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError((made.folder / "kserve.txt").read_text()[-3000:])


def ask(url: str, body: Any = None) -> tuple[int, Any]:
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, content, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as err:
        return err.code, json.load(err)


def test_the_door_refuses_in_kserves_server_too(url: str, made: World) -> None:
    """400 with the input named, then the model's own number."""
    status, refused = ask(f"{url}/v2/models/rides/infer", changed(rides(), "city", data=["basel"]))
    good, answer = ask(f"{url}/v2/models/rides/infer", {**rides(2), "id": "42"})

    assert (400, 200) == (status, good)
    assert "input 'city' has 'basel', which is none of the contract's categories" in refused["error"]
    assert ("42", "probability") == (answer["id"], answer["outputs"][0]["name"])
    matrix = np.array([[1, 1.5, 8], [1, 2.5, 8]], dtype=np.float32)
    assert answer["outputs"][0]["data"] == load(made.model, made.sha256).predict_matrix(matrix).tolist()


def test_v1_is_answered_through_the_same_door(url: str) -> None:
    """Instances in, predictions out; what breaks the contract is refused by name."""
    row = {item["name"]: item["data"][0] for item in rides()["inputs"]}

    good, answer = ask(f"{url}/v1/models/rides:predict", {"instances": [row]})
    bad, refused = ask(f"{url}/v1/models/rides:predict", {"instances": [{**row, "seats": 9}]})

    assert (200, 400) == (good, bad)
    assert 1 == len(answer["predictions"])
    assert "input 'seats' has 9; expected at most 8" in refused["error"]


def test_metadata_is_the_contracts(url: str) -> None:
    """Names and datatypes of the inputs, where kserve asks a model for them."""
    _, about = ask(f"{url}/v2/models/rides")

    assert {"name": "rider", "datatype": "INT64", "shape": [-1]} == about["inputs"][0]
    assert ["probability"] == [output["name"] for output in about["outputs"]]
