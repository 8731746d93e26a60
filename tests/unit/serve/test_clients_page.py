"""docs/clients.md: every call on it is typed, against a real server, and gives what the page says."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from built import built
from headgate.serve.door.limits import Limits
from headgate.serve.grpc.listener import CODES
from unit.serve.running import Running, running, world

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
SHELL = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
ROW = re.compile(r"^\| (\d{3}) \| ([A-Z_]+) \|", re.MULTILINE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service that the page speaks of."""
    with running(world(tmp_path_factory.mktemp("rides")).options(grpc_port=0)) as one:
        yield one


def typed(server: Running, *command: str) -> str:
    """Return what a command says on stdout, typed in a clone of the repository."""
    addresses = {"SERVER": f"127.0.0.1:{server.port}", "GRPC": f"127.0.0.1:{server.facts['grpc_port']}"}
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **addresses}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def block(word: str) -> str:
    """Return the page's one block of shell that has the word."""
    (found,) = [text for text in SHELL if word in text]
    return found


def test_metadata_and_readiness_are_asked_as_the_page_says(server: Running) -> None:
    """Each input with its datatype, the version in the header's form."""
    lines = typed(server, "bash", "-ec", block("rides/ready").replace("\n", "; echo\n")).splitlines()

    about, ready = (json.loads(line) for line in lines)
    assert about["versions"] == [server.facts["model"]]
    assert {"name": "distance", "datatype": "FP64", "shape": [-1]} in about["inputs"]
    assert ready["ready"] is True


def test_curl_gets_the_same_scores_by_column_and_by_row(server: Running) -> None:
    """Both blocks ask for the same two rides."""
    by_column = json.loads(typed(server, "bash", "-ec", block("/infer")))
    by_row = json.loads(typed(server, "bash", "-ec", block(":predict")))

    assert by_column["id"] == "seven"
    assert by_column["outputs"][0]["data"] == by_row["predictions"]
    assert len(by_row["predictions"]) == 2


@pytest.mark.parametrize("place", range(len(PYTHON)))
def test_each_python_program_prints_the_score(server: Running, place: int) -> None:
    """The first ride is the same in all of them."""
    first = json.loads(typed(server, "bash", "-ec", block(":predict")))["predictions"][0]

    said = typed(server, sys.executable, "-W", "error", "-c", PYTHON[place])

    assert float(re.findall(r"\d+\.\d+", said)[0]) == pytest.approx(first, abs=1e-8)


def test_grpcurl_gets_the_score(server: Running) -> None:
    """With the .proto of the repository."""
    first = json.loads(typed(server, "bash", "-ec", block(":predict")))["predictions"][0]

    said = json.loads(typed(server, "bash", "-ec", block("grpcurl").replace("grpcurl", built("grpcurl"))))

    assert said["outputs"][0]["contents"]["fp64Contents"] == [first]


def test_the_page_has_every_code_of_a_refusal() -> None:
    """HTTP's beside gRPC's, as the listener has them; and the limits as they are."""
    rows = {int(http): grpc for http, grpc in ROW.findall(PAGE)}

    no_refusals = {200, 499}
    assert rows == {http: code.name for http, code in CODES.items() if http not in no_refusals}
    assert f"{Limits().rows:,} rows" in PAGE
    assert f"{Limits().body_bytes >> 20} MiB" in PAGE
    assert f"within {Limits().body_seconds:g} seconds" in PAGE
