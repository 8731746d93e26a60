"""`helm test` asks as a client would, and tells a served model from a router that answers for nobody."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import ClassVar

import pytest

from unit.chart.rendering import CHARTS

MODEL = "9be2f7c7a1b0"
ABOUT = {"name": "flights", "inputs": [{"name": "carrier", "datatype": "BYTES"}, {"name": "hour", "datatype": "INT64"}]}


class Router(BaseHTTPRequestHandler):
    """Answers as the served model does, or as `infer` says."""

    infer: ClassVar[int] = 200
    model: ClassVar[str | None] = MODEL
    asked: ClassVar[list[tuple[str, str, bytes]]] = []

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.answer(200, ABOUT)

    def do_POST(self) -> None:
        self.answer(self.infer, {"outputs": []})

    def answer(self, code: int, document: object) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.asked.append((self.headers["host"], self.path, body))
        content = json.dumps(document).encode()
        self.send_response(code)
        if self.model:
            self.send_header("headgate-model", self.model)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def routed(monkeypatch: pytest.MonkeyPatch, **settings: object) -> Iterator[int]:
    for name, value in {"asked": [], **settings}.items():
        monkeypatch.setattr(Router, name, value)
    server = HTTPServer(("127.0.0.1", 0), Router)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def ask(port: int) -> subprocess.CompletedProcess[str]:
    own = {"ADDRESS": f"http://127.0.0.1:{port}", "HOST": "flights.models.test", "SERVICE": "flights"}
    command = [sys.executable, "-c", (CHARTS / "files" / "ask.py").read_text()]
    return subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("code", [200, 400])
def test_a_model_that_answers_passes(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up values may be against the contract: that is an answer too."""
    with routed(monkeypatch, infer=code) as port:
        done = ask(port)

    assert done.returncode == 0, done.stderr
    assert f"model {MODEL} answered {code}" in done.stdout
    host, path, body = Router.asked[1]
    assert (host, path) == ("flights.models.test", "/v2/models/flights/infer")
    assert [each["data"] for each in json.loads(body)["inputs"]] == [[""], [0]]


@pytest.mark.parametrize("settings", [{"infer": 500}, {"infer": 404}, {"model": None}])
def test_anything_else_fails_and_says_what_came(settings: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """A server's error, a route that is not there, an answer that is no model's."""
    with routed(monkeypatch, **settings) as port:
        done = ask(port)

    assert done.returncode == 1
    assert "was answered" in done.stderr
