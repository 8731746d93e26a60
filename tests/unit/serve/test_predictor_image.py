"""A server whose model an image of the owner's own answers for: the same door, and ready only while that one is."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from onnx import TensorProto, helper

from fakes.predictor import Handler, Predictor, answering
from headgate.errors import PermanentError, TransientError
from headgate.models import package, saved, v2_golden
from headgate.models.loading import Loaded, load
from headgate.models.signature import Feature, Signature
from headgate.names import Digest, Name, short
from headgate.serve.grpc.messages import SERVICE, kind
from headgate.serve.setup.preparing import prepare
from unit.serve.calling import open_channel, refusal, typed
from unit.serve.running import Running, World, running

SERVICE_YAML = """
service: rides
task: binary
data:
  reader: rows.csv
  label: {column: late}
"""
CONTRACT = """
columns:
  distance: {type: number, nulls: 0.5}
  hour: {type: number}
  late: {type: boolean, role: label}
"""
SIGNATURE = Signature(
    service=Name("rides"),
    task="binary",
    classes=("false", "true"),
    features=(Feature(name="distance", kind="number"), Feature(name="hour", kind="number")),
)
X = np.random.default_rng(4).normal(size=(40, 2)).astype(np.float32)
OWN: dict[str, Any] = {
    "image": f"registry.example/own@sha256:{'a' * 64}",
    "model": "own",
    "version": "3",
    "inputs": [{"name": "x"}],
    "output": {"name": "y", "datatype": "FP64"},
}


def network() -> bytes:
    """Return a logistic model of two features."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])
    weights = helper.make_tensor("w", TensorProto.FLOAT, [2, 1], [0.5, -0.25])
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Sigmoid", ["z"], ["y"])]
    graph = helper.make_graph(nodes, "small", [x], [y], [weights])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(made.SerializeToString())


def service(folder: Path) -> Path:
    folder.mkdir()
    (folder / "service.yaml").write_text(SERVICE_YAML)
    (folder / "contract.yaml").write_text(CONTRACT)
    return folder


def trained(folder: Path, predictor: dict[str, Any]) -> World:
    """Return a service whose model is the predictor that answers now, as training keeps it."""
    service(folder)
    (folder / "predictor.json").write_text(json.dumps(predictor))
    made = saved.read(folder / "predictor.json")
    answers = Loaded(SIGNATURE, made, Digest("0" * 64)).predict_matrix(X)
    sha256 = package.write(folder / "model", v2_golden.with_golden(made, X, answers), SIGNATURE, {})
    return World(folder, folder / "model", sha256, folder / "predictions")


def body(rows: np.ndarray) -> dict[str, Any]:
    """Return a request of raw named features."""
    columns = zip(("distance", "hour"), rows.T.tolist(), strict=True)
    return {
        "inputs": [{"name": name, "shape": [len(data)], "datatype": "FP64", "data": data} for name, data in columns]
    }


@contextmanager
def served(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Predictor, Running, World]]:
    with answering() as own:
        monkeypatch.setenv("HEADGATE_PREDICTOR", own.address)
        made = trained(folder / "front", OWN)
        with running(made.options(grpc_port=0)) as front:
            yield own, front, made


def ready_over_grpc(server: Running) -> bool:
    with open_channel(server) as channel:
        ask = channel.unary_unary(f"/{SERVICE}/ServerReady", None, kind("ServerReadyResponse").FromString)
        return bool(ask(b"", timeout=10).ready)


def infer_code(server: Running) -> grpc.StatusCode:
    with open_channel(server) as channel:
        return refusal(channel, typed(body(X)))[0]


def test_a_server_of_another_kind_answers_for_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`headgate serve` of an ONNX model is one, a tensor for each feature; its digest is its version."""
    folder = service(tmp_path / "back")
    sha256 = package.write(folder / "model", network(), SIGNATURE, {})
    back = World(folder, folder / "model", sha256, folder / "predictions")
    inputs = [{"name": name, "datatype": "FP64"} for name in ("distance", "hour")]
    told = {**OWN, "model": "rides", "version": short(sha256), "inputs": inputs}
    with running(back.options()) as peer:
        monkeypatch.setenv("HEADGATE_PREDICTOR", f"http://127.0.0.1:{peer.port}")
        made = trained(tmp_path / "front", {**told, "output": {"name": "probability", "datatype": "FP64"}})

        found = load(made.model, made.sha256).predict_matrix(X)

    expected = load(back.model, back.sha256).predict_matrix(X)
    np.testing.assert_allclose(expected, found, atol=1e-6)


def test_while_it_is_away_clients_are_told_to_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """503, not ready, alive; when it is back all goes on, and when another one is there nothing does."""
    with served(tmp_path, monkeypatch) as (own, front, _):
        port = own.server_address[1]
        good = front.infer(body(X))
        own.shutdown()
        own.hang_up()
        gone = front.infer(body(X))
        over_grpc = ready_over_grpc(front), infer_code(front)
        ready, live = front.ask("/v2/health/ready").status, front.ask("/v2/health/live").status
        with answering(port):
            back = front.ask("/v2/health/ready").status, front.infer(body(X)).json["outputs"]
        with answering(port) as swapped:
            swapped.weights = (1.0, 1.0)
            other = front.ask("/v2/health/ready").status, front.infer(body(X)).status
        counted = front.metric('headgate_rejected_total{reason="predictor_away",service="rides"}')
        said = front.stderr

    assert (503, "1") == (gone.status, gone.headers["retry-after"])
    assert "127.0.0.1" not in gone.json["error"]
    assert (503, 200) == (ready, live)
    assert (False, grpc.StatusCode.UNAVAILABLE) == over_grpc
    assert (200, good.json["outputs"]) == back
    assert (503, 500) == other
    assert counted >= 1
    assert "is not the one that this model was trained with" in said


def test_a_slow_predictor_stops_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its requests wait in threads: health is answered meanwhile, and a server that ends waits for them."""
    with served(tmp_path, monkeypatch) as (own, front, _):
        let_go = threading.Event()

        def slow(handler: Handler, answer: dict[str, Any]) -> bool:
            return let_go.wait(20) and False

        own.asked.clear()
        own.spoil = slow
        waiting = threading.Thread(target=lambda: answers.append(front.infer(body(X)).status))
        answers: list[int] = []
        waiting.start()
        while not own.asked:
            time.sleep(0.01)
        other = front.connect()
        other.request("GET", "/v2/health/live")
        alive = other.getresponse().status
        front.process.terminate()
        let_go.set()
        waiting.join()
        ended = front.process.wait(10)

    assert (200, [200], 0) == (alive, answers, ended)


def test_a_swapped_predictor_never_becomes_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server does not start in front of it: exit 1. In front of none it may later: exit 75."""
    with answering() as own:
        monkeypatch.setenv("HEADGATE_PREDICTOR", own.address)
        made = trained(tmp_path / "front", OWN)
        own.weights = (0.5, -0.2501)
        with pytest.raises(PermanentError, match="is not the one that this model was trained with"):
            prepare(made.options(), made.sha256)
    with pytest.raises(TransientError, match="does not answer"):
        prepare(made.options(), made.sha256)
