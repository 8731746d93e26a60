"""A real server with a small hand-made model, and a plain client, for the tests of this room."""

import http.client
import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import onnx
from onnx import TensorProto, helper

from headgate.models import package
from headgate.models.signature import Feature, Signature
from headgate.names import Digest, Name
from headgate.serve.setup.options import ServeOptions

EIGHT = datetime(2024, 5, 1, 8)  # noqa: DTZ001 - without an offset, as clients send it

SERVICE_YAML = """
service: rides
task: {task}
data:
  reader: rows.csv
  time: at
  id: [rider, at]
  label: {{column: late, matures_after: PT12H}}
  features: {features}
"""

CONTRACT_YAML = """
columns:
  rider: {type: integer, role: id}
  at: {type: datetime, role: time}
  city: {type: string, categories: [berne, "zürich"], unseen: error}
  distance: {type: number, nulls: 0.5}
  seats: {type: integer, min: 0, max: 8, range_severity: error}
  member: {type: boolean, required: false, nulls: 1.0}
  late: {type: boolean, role: label}
"""

FEATURES_PY = """
import polars as pl


def features(rows, as_of):
    if (rows["seats"] == 7).any():
        raise ValueError("seven seats are one too many")
    six = pl.col("seats") == 6
    distance = pl.when(six).then(float("inf")).otherwise("distance").alias("distance")
    return rows.select("city", distance, hour=pl.when(six).then(0).otherwise(pl.col("at").dt.hour()))
"""


def network(task: str) -> bytes:
    """Return an ONNX model of three features whose answers are easy to work out by hand."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, None])
    wide = 3 if task == "multiclass" else 1
    weights = [0.1, 0.01, 0.02] if wide == 1 else [0.1, 0.2, 0.3, 0.01, 0.0, 0.0, 0.0, 0.0, 0.02]
    initial = [
        helper.make_tensor("w", TensorProto.FLOAT, [3, wide], weights),
        helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0]),
    ]
    last = {"binary": "Sigmoid", "multiclass": "Softmax", "regression": "Identity"}[task]
    nodes = [
        helper.make_node("IsNaN", ["x"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "x"], ["filled"]),
        helper.make_node("MatMul", ["filled", "w"], ["z"]),
        helper.make_node(last, ["z"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "small", [x], [y], initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@dataclass(frozen=True)
class World:
    """A folder with a service and a packaged model."""

    folder: Path
    model: Path
    sha256: Digest
    log_dir: Path

    def options(self, **changed: Any) -> ServeOptions:
        plain = ServeOptions(
            model=self.model,
            sha256=self.sha256,
            service_file=self.folder / "service.yaml",
            ready_file=self.folder / "ready.json",
            log_dir=self.log_dir,
            flush_seconds=0.05,
            linger_seconds=0.2,
            exit_with_parent=True,
        )
        return msgspec.structs.replace(plain, **changed)


def world(folder: Path, task: str = "binary", features: str = '"rides_features:features"') -> World:
    """Write service.yaml, contract.yaml, the owner's function and a model package."""
    (folder / "service.yaml").write_text(SERVICE_YAML.format(task=task, features=features))
    (folder / "contract.yaml").write_text(CONTRACT_YAML)
    (folder / "rides_features.py").write_text(textwrap.dedent(FEATURES_PY))
    signature = Signature(
        service=Name("rides"),
        task=task,  # type: ignore[arg-type]
        classes={"binary": ("false", "true"), "multiclass": ("a", "b", "c"), "regression": ()}[task],
        features=(
            Feature(name="city", kind="category", categories=("berne", "zürich")),
            Feature(name="distance", kind="number"),
            Feature(name="hour", kind="number"),
        ),
    )
    sha256 = package.write(folder / "model", network(task), signature, {})
    return World(folder, folder / "model", sha256, folder / "predictions")


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Running:
    """A server process, ready."""

    process: subprocess.Popen[bytes]
    port: int
    facts: Mapping[str, Any]
    said: Path
    connections: list[http.client.HTTPConnection] = field(default_factory=list)
    own: list[http.client.HTTPConnection] = field(default_factory=list)

    @property
    def stderr(self) -> str:
        return self.said.read_text()

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        self.connections.append(connection)
        return connection

    def ask(self, path: str, body: bytes | None = None, method: str | None = None) -> Answer:
        """Return the answer on one kept-alive connection."""
        self.own = self.own or [self.connect()]
        return ask(self.own[0], path, body, method)

    def end_stdin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def infer(self, body: Any) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("/v2/models/rides/infer", content)

    def metric(self, line: str) -> float:
        """Return a sample's value, 0 when it is not there."""
        for text in self.ask("/metrics").body.decode().splitlines():
            if text.startswith(line + " "):
                return float(text.split()[-1])
        return 0.0


def ask(
    connection: http.client.HTTPConnection, path: str, body: bytes | None = None, method: str | None = None
) -> Answer:
    connection.request(method or ("POST" if body is not None else "GET"), path, body)
    response = connection.getresponse()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


def start(options: ServeOptions) -> subprocess.Popen[bytes]:
    """Start a server process with these options."""
    code = (
        "import sys, msgspec\n"
        "from headgate.serve.setup.options import ServeOptions\n"
        "from headgate.serve.process import run\n"
        "from headgate.errors import HeadgateError\n"
        "try: run(msgspec.json.decode(sys.argv[1], type=ServeOptions, dec_hook=lambda kind, value: kind(value)))\n"
        "except HeadgateError as err: print(*err.lines(), sep='; ', file=sys.stderr); sys.exit(err.exit_code)"
    )
    settings = msgspec.json.encode(options, enc_hook=str).decode()
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    with said_by(options).open("wb") as said:
        return subprocess.Popen(
            [sys.executable, "-c", code, settings], stdin=subprocess.PIPE, stderr=said, env=environment
        )


def said_by(options: ServeOptions) -> Path:
    """Return where a server's stderr goes."""
    assert options.ready_file is not None
    return options.ready_file.with_name("stderr.txt")


def refused(options: ServeOptions) -> tuple[int, str]:
    """Return the exit code and stderr of a server that doesn't become ready."""
    process = start(options)
    try:
        code = process.wait(timeout=30)
    finally:
        end(process)
    assert options.ready_file is not None
    assert not options.ready_file.exists()
    return code, said_by(options).read_text()


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    assert process.stdin is not None
    process.stdin.close()


@contextmanager
def running(options: ServeOptions) -> Iterator[Running]:
    """Give a ready server; it is gone afterwards."""
    process = start(options)
    server = None
    try:
        facts = ready(process, options)
        server = Running(process, facts["port"], facts, said_by(options))
        yield server
    finally:
        for connection in server.connections if server else []:
            connection.close()
        end(process)


def ready(process: subprocess.Popen[bytes], options: ServeOptions) -> Mapping[str, Any]:
    assert options.ready_file is not None
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        if options.ready_file.exists():
            facts: Mapping[str, Any] = json.loads(options.ready_file.read_bytes())
            return facts
        if process.poll() is not None:
            raise AssertionError(f"exit {process.returncode}: {said_by(options).read_text()}")
        time.sleep(0.01)
    raise AssertionError("not ready after 30 s")


def tensor(name: str, datatype: str, data: Sequence[Any], shape: Sequence[int] | None = None) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [len(data)] if shape is None else list(shape), "data": data}


def rides(count: int = 1, first: datetime = EIGHT, rider: int = 1) -> dict[str, Any]:
    """Return a good request of `count` rides, a minute apart."""
    return {
        "inputs": [
            tensor("rider", "INT64", [rider + k for k in range(count)]),
            tensor("at", "BYTES", [(first + timedelta(minutes=k)).isoformat() for k in range(count)]),
            tensor("city", "BYTES", ["zürich", "berne"][:1] * count),
            tensor("distance", "FP64", [1.5 + k for k in range(count)]),
            tensor("seats", "INT64", [2] * count),
        ]
    }


def changed(request: dict[str, Any], name: str, **fields: Any) -> dict[str, Any]:
    """Return the request with fields of one input replaced."""
    return {**request, "inputs": [{**item, **fields} if item["name"] == name else item for item in request["inputs"]]}
