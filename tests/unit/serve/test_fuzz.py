"""A hundred thousand requests gone wrong: no 5xx, no hang, no growth, and the next good one is answered."""

import asyncio
import gc
import json
import re
import socket
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil
import pytest

from headgate.serve.door.limits import Limits
from headgate.serve.grpc.listener import Call
from headgate.serve.grpc.messages import InferRequest
from headgate.serve.http.app import App
from headgate.serve.http.paths import for_headers
from headgate.serve.protocols import binary
from headgate.serve.protocols.dialect import Dialect
from headgate.serve.protocols.v2 import Request
from headgate.serve.refusal import RefusalError
from headgate.serve.setup.preparing import prepare
from unit.serve.fuzzing import Mutator, packed
from unit.serve.running import Running, rides, running, world

FEW, MANY = 4_000, 120_000
SLOWEST_SECONDS = 2.0
"""Of one request; the machine may be busy."""
MOST_GROWTH_BYTES = 24 << 20
"""From a quarter of the way to the end: what the allocator keeps, and no leak of a hundred bytes a request."""
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
FAILED = re.compile(rb"HTTP/1\.1 5")
WARNINGS = tuple(
    f"WARNING:  {said}" for said in ("Invalid HTTP request", "Unsupported upgrade", "No supported WebSocket library")
)
"""Uvicorn's words on what it refuses by itself."""
GOOD_CODES = {200, 400, 404}


HARMLESS = """
import polars as pl


def features(rows, as_of):
    return rows.select("city", "distance", hour=pl.col("at").dt.hour())
"""
"""The owner's function when it refuses nothing, so that every 5xx is ours."""


@pytest.fixture
def app(tmp_path: Path) -> App:
    """The application without its sockets, with a function that refuses nothing."""
    made = world(tmp_path)
    (made.folder / "rides_features.py").write_text(HARMLESS)
    options = made.options()
    served = prepare(options, options.sha256)
    return App(msgspec.structs.replace(served, recorder=None), options.limits)  # nobody flushes here


class Asked:
    """Asks an application, and keeps what it saw."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.paths = {"v2": app.dialects["/v2/models/rides/infer"], "v1": app.dialects["/v1/models/rides:predict"]}
        self.codes: Counter[tuple[str, int]] = Counter()
        self.slowest = 0.0
        self.growth_bytes = 0

    def dialect(self, kind: str) -> Dialect:
        return Call(self.app).dialect if kind == "grpc" else self.paths["v1" if kind == "v1" else "v2"]

    async def ask(self, kind: str, body: bytes) -> int:
        """Return the code of one answer."""

        dialect = self.dialect(kind)
        if kind == "binary":
            length, _, body = body.partition(b"\n")
            dialect = for_headers(dialect, [(binary.HEADER, length)], self.app.limits.rows)

        async def read() -> bytes:
            return body

        began = time.perf_counter()
        if kind == "labels":
            code, content = self.told(body)
        else:
            code, content, _ = await self.app.respond(read, dialect)
        await asyncio.sleep(0)  # requests of one turn of the loop are shed when they are many
        self.slowest = max(self.slowest, time.perf_counter() - began)
        assert code in GOOD_CODES, f"{code} for {kind} {body[:2000]!r}: {content[:300]!r}"
        return code

    def told(self, body: bytes) -> tuple[int, bytes]:
        """Return how labels are answered, without the disk."""
        assert self.app.served.telling is not None
        try:
            self.app.served.telling.desk.admit(body, time.time_ns() // 1000)
        except RefusalError as err:
            return err.status, err.message.encode()
        return 200, b""

    async def play(self, mutator: Mutator, good: dict[str, bytes], count: int) -> None:
        for _ in range(count):
            kind, body = mutator.next()
            code = await self.ask(kind, body)
            self.codes[kind, code] += 1
            if code != 200:
                assert await self.ask(kind, good[kind]) == 200


def goods() -> dict[str, bytes]:
    """Return a good request in each dialect: what chance leaves alone."""
    request = rides(2)
    columns = {item["name"]: item["data"] for item in request["inputs"]}
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    behind = [packed(item) for item in request["inputs"]]
    described = [
        {**{key: item[key] for key in ("name", "datatype", "shape")}, "parameters": {"binary_data_size": len(content)}}
        for item, content in zip(request["inputs"], behind, strict=True)
    ]
    head = json.dumps({"inputs": described}).encode()
    message = InferRequest(model_name="rides")
    for item in request["inputs"]:
        message.inputs.add(name=item["name"], datatype=item["datatype"], shape=item["shape"])
        message.raw_input_contents.append(packed(item))
    return {
        "v2": json.dumps(request).encode(),
        "v1": json.dumps({"instances": rows}).encode(),
        "grpc": bytes(message.SerializeToString()),
        "binary": b"%d\n" % len(head) + head + b"".join(behind),
        "labels": b'{"labels": [{"rider": 1, "at": "2024-05-01T08:00:00", "late": true}]}',
    }


def resident_bytes() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


async def fuzz(app: App, count: int, seed: int) -> Asked:
    """Ask `count` requests gone wrong; the growth that is measured begins after the first quarter."""
    asked, mutator, good = Asked(app), Mutator(seed), goods()
    await asked.play(mutator, good, count // 4)
    before = resident_bytes()
    await asked.play(mutator, good, count - count // 4)
    asked.growth_bytes = resident_bytes() - before
    return asked


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.full)])
def test_no_request_knocks_the_server_over(app: App, count: int) -> None:
    """JSON by column and by row, protobuf: each bad one is refused in a line, and the good one after it answered."""
    asked = asyncio.run(fuzz(app, count, seed=count))

    sys.stdout.write(
        f"{count:,} inputs: {dict(asked.codes)}, slowest {asked.slowest:.3f} s, grew {asked.growth_bytes:,} bytes\n"
    )
    assert {
        (kind, code) for kind in ("v1", "v2", "grpc", "binary", "labels") for code in (200, 400)
    } <= asked.codes.keys()
    assert asked.slowest < SLOWEST_SECONDS
    assert asked.growth_bytes < MOST_GROWTH_BYTES
    assert app.said.known == set()


def sent(server: Running, pieces: list[bytes]) -> bytes:
    """Return all that comes back for what one client sends before it hangs up."""
    came = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client, suppress(OSError):
        for piece in pieces:
            client.sendall(piece)
        client.shutdown(socket.SHUT_WR)
        while more := client.recv(65_536):
            came += more
    return came


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("count", [FEW // 8, pytest.param(MANY // 6, marks=pytest.mark.full)])
def test_no_bytes_on_a_connection_knock_the_server_over(tmp_path: Path, count: int) -> None:
    """Torn, doubled, pipelined, with heads that contradict themselves: a client beside it is answered throughout."""
    made = world(tmp_path)
    (made.folder / "rides_features.py").write_text(HARMLESS)
    mutator, codes = Mutator(count), Counter[bytes]()
    with running(made.options(log_dir=None, limits=Limits(body_seconds=1))) as server:
        process = psutil.Process(server.process.pid)
        for number in range(count):
            pieces = mutator.connection()
            came = sent(server, pieces)
            codes.update(STATUS.findall(came))
            assert not FAILED.search(came), (pieces, came)
            assert server.infer(rides()).status == 200, pieces
            if number == count // 4:
                before = process.memory_info().rss
        growth_bytes = process.memory_info().rss - before
        said = set(server.stderr.splitlines())

    sys.stdout.write(f"{count:,} connections: {dict(codes)}, grew {growth_bytes:,} bytes\n")
    assert {line for line in said if not line.startswith(WARNINGS)} == set()
    assert {b"200", b"400"} <= codes.keys()
    assert growth_bytes < MOST_GROWTH_BYTES


FOUND = {
    "invalid here, nested without end there": ("v2", b'{"inputs": [{"name": 1}, {"name": "a", "shape": ' + b"[" * 2000),
    "labels of half a letter": ("labels", b'{"labels": [{"rider\xf4": 1}]}'),
    "labels beyond 64 bits": ("labels", b'{"labels": [{"rider": 1e308, "at": "2024-05-01", "late": true}]}'),
    "labels nested without end": ("labels", b'{"labels": [{"rider": ' + b"[" * 2000),
}
"""What the fuzzer found once."""


@pytest.mark.parametrize("case", FOUND)
def test_what_was_found_once_is_refused(app: App, case: str) -> None:
    """400, and nothing on stderr."""
    code = asyncio.run(Asked(app).ask(*FOUND[case]))

    assert (code, app.said.known) == (400, set())


def test_a_decoder_that_breaks_would_be_found(app: App) -> None:
    """The control: a dialect that raises what nobody foresaw is a 500, and ends the run."""

    def breaks(_body: bytes) -> Request:
        raise ZeroDivisionError

    asked = Asked(app)
    asked.paths["v2"] = asked.paths["v2"]._replace(decode=breaks)

    with pytest.raises(AssertionError, match="500 for v2"):
        asyncio.run(asked.ask("v2", b"{}"))
