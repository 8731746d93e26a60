"""An owner's predictor over V2, as small as one can be written: one model of a few numbers, and it can be spoiled."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from numpy.typing import NDArray

LENGTH = "Inference-Header-Content-Length"
WEIGHTS = (0.5, -0.25)
KINDS = {"FP32": "<f4", "FP64": "<f8"}


class Predictor(ThreadingHTTPServer):
    """Answers for model `own`, version 3, by a logistic sum of its inputs; what is missing counts as 0."""

    daemon_threads = True
    weights: tuple[float, ...] = WEIGHTS
    bias = 0.0
    is_binary = True
    is_ready = True
    keeps_alive = True
    task = "binary"
    spoil: Callable[["Handler", dict[str, Any]], bool] | None = None
    """Given an answer before it is sent: True where it sent something else instead."""

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        self.connections = 0
        self.open: set[socket.socket] = set()
        self.asked: list[int] = []
        super().__init__((host, port), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def hang_up(self) -> None:
        """Answer nobody any more."""
        self.server_close()
        for connection in tuple(self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def predicted(self, x: NDArray[Any]) -> NDArray[Any]:
        made = np.nan_to_num(x.astype(np.float64)) @ np.array(self.weights) + self.bias
        answers: NDArray[Any] = made if self.task == "regression" else 1 / (1 + np.exp(-made))
        return answers


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Predictor
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        self.server.connections += 1
        self.server.open.add(self.request)
        super().setup()

    def finish(self) -> None:
        self.server.open.discard(self.request)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
        """Say nothing."""

    def do_GET(self) -> None:
        extensions = ["binary_tensor_data"] if self.server.is_binary else []
        if self.path == "/v2":
            self.send(200, json.dumps({"name": "own", "version": "1", "extensions": extensions}).encode())
        elif self.path.endswith("/ready"):
            self.send(200 if self.server.is_ready else 503, b"{}")
        else:
            self.send(404, b'{"error": "what?"}')

    def do_PUT(self) -> None:
        """Take other weights, the bias last: how training loads what it made into a server of its own."""
        *self.server.weights, self.server.bias = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send(200, b"{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path not in ("/v2/models/own/versions/3/infer", "/v2/models/own/infer"):
            self.send(404, b'{"error": "no such model"}')
            return
        x, wanted = read(body, self.headers.get(LENGTH))
        self.server.asked.append(len(x))
        y = self.server.predicted(x)
        answer = {"model_name": "own", "model_version": "3", "outputs": [output(y, wanted)]}
        if self.server.spoil and self.server.spoil(self, answer):
            return
        self.answer(answer, y.tobytes() if wanted else b"")

    def answer(self, answer: dict[str, Any], behind: bytes) -> None:
        head = json.dumps(answer).encode()
        self.send(200, head + behind, {LENGTH: str(len(head))} if behind else {})

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        if not self.server.keeps_alive:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def output(y: NDArray[Any], wanted: bool) -> dict[str, Any]:
    about: dict[str, Any] = {"name": "y", "datatype": "FP64", "shape": [len(y)]}
    return {**about, "parameters": {"binary_data_size": y.nbytes}} if wanted else {**about, "data": y.tolist()}


def read(body: bytes, length: str | None) -> tuple[NDArray[Any], bool]:
    """Return a request's inputs side by side, and whether bytes are wanted."""
    head = json.loads(body[: int(length)] if length else body)
    start, columns = int(length or 0), []
    for tensor in head["inputs"]:
        kind = np.dtype(KINDS[tensor["datatype"]])
        if size := tensor.get("parameters", {}).get("binary_data_size"):
            flat = np.frombuffer(body[start : start + size], kind)
            start += size
        else:
            flat = np.array([np.nan if value is None else value for value in tensor["data"]], kind)
        columns.append(flat.reshape(tensor["shape"]))
    return np.concatenate(columns, axis=1), head["outputs"][0]["parameters"]["binary_data"]


@contextmanager
def answering(port: int = 0) -> Iterator[Predictor]:
    """Give a predictor that runs; it is gone afterwards, its connections too."""
    server = Predictor(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.hang_up()
