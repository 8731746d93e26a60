"""However a client's bytes come, the same answers go back, in the order they were asked."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.serve.door.limits import Limits
from unit.serve.running import Running, ask, changed, rides, running, tensor, world
from unit.serve.wire import INFER, chunked, post, whole

LONG = {**rides(600), "id": "long"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for all tests of this file."""
    with running(world(tmp_path_factory.mktemp("rides")).options(limits=Limits(body_seconds=0.5))) as one:
        yield one


def talk(server: Running, *pieces: bytes, expected: int = 1) -> list[tuple[int, Any, dict[str, str]]]:
    """Return the answers (code, JSON, headers) to bytes that come piece by piece on one connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            client.sendall(piece)
            time.sleep(0.002)
        said = b""
        while said.count(b"\r\n\r\n") < expected or not whole(said):
            if not (more := client.recv(1 << 20)):
                break
            said += more
    return list(answers(said))


class Replay(socket.socket):
    """Bytes that http.client reads as if they came from a server."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.close()
        self.stream = BytesIO(content)

    def makefile(self, *_args: Any, **_named: Any) -> Any:
        return self.stream


def answers(said: bytes) -> Iterator[tuple[int, Any, dict[str, str]]]:
    while said:
        replay = Replay(said)
        response = http.client.HTTPResponse(replay)
        response.begin()
        content = response.fp.read(int(response.headers["content-length"]))
        yield response.status, json.loads(content), {k.lower(): v for k, v in response.getheaders()}
        said = said[replay.stream.tell() :] if not replay.stream.closed else b""


REQUESTS = [
    post({**rides(), "id": "1"}),
    post(b"{"),
    post({**rides(3), "id": "2"}),
    b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n",
    chunked({**rides(2), "id": "3"}),
    post({**changed(rides(), "seats", data=[9]), "id": "4"}),
    post(LONG),
    post({**rides(), "id": "5"}, path=INFER + "?a=b"),
    post({**rides(), "id": "6"}),
]
CODES = [200, 400, 200, 200, 200, 400, 200, 200, 200]
IDS = ["1", None, "2", None, "3", None, "long", "5", "6"]


def seen(found: list[tuple[int, Any, dict[str, str]]]) -> tuple[list[int], list[Any]]:
    return [code for code, _, _ in found], [answer.get("id") for _, answer, _ in found]


def test_requests_that_come_together_are_answered_in_their_order(server: Running) -> None:
    """Short, long, chunked, wrong, and another page between them."""
    assert seen(talk(server, b"".join(REQUESTS), expected=len(REQUESTS))) == (CODES, IDS)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_it_does_not_matter_where_the_bytes_are_cut(server: Running, data: st.DataObject) -> None:
    """In a head, in a body, between two requests."""
    chosen = data.draw(st.lists(st.integers(0, len(REQUESTS) - 1), min_size=1, max_size=4))
    stream = b"".join(REQUESTS[place] for place in chosen)
    cuts = sorted(data.draw(st.lists(st.integers(1, len(stream) - 1), max_size=5)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    found = talk(server, *pieces, expected=len(chosen))

    assert seen(found)[0] == [CODES[place] for place in chosen]


def test_a_short_answer_has_the_head_that_a_long_one_has(server: Running) -> None:
    """Whoever wrote it."""
    [(_, _, short), (_, _, long)] = talk(server, post(rides()) + post(LONG), expected=2)

    assert list(short) == list(long) == ["date", "headgate-model", "content-type", "content-length"]
    assert {**short, "content-length": "", "date": ""} == {**long, "content-length": "", "date": ""}


@pytest.mark.parametrize("request_", [post(rides(), version="1.0"), post(rides(), headers=("connection: close",))])
def test_a_client_that_wants_one_answer_gets_one_and_the_end(server: Running, request_: bytes) -> None:
    """HTTP/1.0, or said so; what follows is not answered."""
    [(code, _, headers)] = talk(server, request_ + post(rides()), expected=2)

    assert (code, headers["connection"]) == (200, "close")


def test_a_client_that_asks_before_sending_is_told_to_go_on(server: Running) -> None:
    """With `expect: 100-continue`, and the answer after it."""
    body = json.dumps(rides()).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(post(body, headers=("expect: 100-continue",)).removesuffix(body))
        told = client.recv(1000)
        client.sendall(body)
        answer = client.recv(1000)

    assert told.startswith(b"HTTP/1.1 100 ")
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_the_rest_of_a_short_body_has_the_same_deadline(server: Running) -> None:
    """Held or not, a slow client gets 408."""
    [(code, answer, _)] = talk(server, post(rides())[:-20])

    assert code == 408
    assert "did not come within" in answer["error"]


def test_a_client_that_reads_nothing_fills_no_memory(server: Running) -> None:
    """Its answers wait until it reads them, and then all come, in order."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        many = 1000
        with ThreadPoolExecutor(1) as writer:
            sending = writer.submit(client.sendall, post(rides()) * many)
            time.sleep(0.5)
            others = server.infer(rides()).status
            said = b""
            while said.count(b"HTTP/1.1 200") < many:
                said += client.recv(1 << 16)
            sending.result()

    assert others == 200


def test_requests_at_once_beyond_the_cap_are_shed(tmp_path: Path) -> None:
    """Those that came while one kept the model busy are too many together; the rest is answered."""
    made = world(tmp_path)
    slow = "import time\nimport polars as pl\n\n\ndef features(rows, as_of):\n    time.sleep(0.1)\n"
    rest = '    return rows.select("city", "distance", hour=pl.lit(8))\n'
    (tmp_path / "rides_features.py").write_text(slow + rest)

    with running(made.options(limits=Limits(in_flight=3))) as one, ThreadPoolExecutor(9) as clients:
        connections = [one.connect() for _ in range(9)]
        for connection in connections:
            ask(connection, "/v2/health/live")
        found = list(clients.map(lambda connection: ask(connection, INFER, json.dumps(rides()).encode()), connections))
        after = one.infer(rides()).status

    codes = [answer.status for answer in found]
    assert set(codes) == {200, 503}
    assert codes.count(200) >= 3
    assert {answer.headers.get("retry-after") for answer in found if answer.status == 503} == {"1"}
    assert after == 200


def test_an_upgrade_is_declined_and_the_request_answered(server: Running) -> None:
    """Clients that offer HTTP/2 go on with what there is."""
    offered = post(rides(), headers=("connection: upgrade", "upgrade: h2c"))

    assert talk(server, offered)[0][0] in (200, 400)
    assert server.infer({**rides(), "inputs": [*rides()["inputs"], tensor("member", "BOOL", [True])]}).status == 200
