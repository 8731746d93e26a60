"""Over real connections: whoever else asks meanwhile, each client gets the bytes it would get alone."""

import json
import signal
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.serve.door.limits import Limits
from headgate.serve.experiment.divided import ExperimentOptions
from unit.serve.running import Running, World, changed, rides, running, tensor, world
from unit.serve.second import second
from unit.serve.wire import chunked, heard, post

V1 = "/v1/models/rides:predict"
SEEN = (
    "headgate_requests_total",
    "headgate_request_seconds_count",
    "headgate_request_rows",
    "headgate_predictions_total",
    "headgate_phase_seconds_count",
    "headgate_rejected_total",
    "headgate_violations_total",
    "headgate_experiment_rows_total",
)


def ride(**values: Any) -> dict[str, Any]:
    """Return a request of one ride with some of its values replaced."""
    request = rides()
    for name, value in values.items():
        request = changed(request, name, data=[value])
    return request


def instance(**values: Any) -> dict[str, Any]:
    return {**{item["name"]: item["data"][0] for item in rides()["inputs"]}, **values}


PAGE = b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n"
REQUESTS = [
    *(post({**ride(rider=rider, distance=rider / 3), "id": f"rider {rider}"}) for rider in range(8)),
    post({**rides(3, rider=20), "id": "three"}),
    post({**rides(64, rider=40), "id": "many"}),
    post({**rides(65, rider=140), "id": "too many for a batch"}),
    post(ride(distance=None, at="2024-05-01T23:59:59.999999")),
    post({**rides(), "inputs": [*rides()["inputs"], tensor("member", "BOOL", [True])]}),
    post({**rides(), "outputs": [{"name": "label"}]}),
    post({**rides(), "outputs": [{"name": "contributions"}]}),
    post({**rides(), "outputs": [{"name": "median"}]}),
    post({"instances": [instance(), instance(city="berne", at="2025-01-31T05:00:00+02:00")]}, path=V1),
    chunked({**rides(2), "id": "chunked"}),
    post(ride(seats=7)),
    post(ride(seats=6)),
    post(ride(seats=9)),
    post(ride(city="basel")),
    post(b"{"),
    PAGE,
]
"""Good ones, one the owner's function refuses, others that the door does, large ones, and a page."""


@pytest.fixture(scope="module", params=[pytest.param("one model", marks=pytest.mark.full), "two models"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, World]]:
    """A server of one model, or of two that share the rows."""
    made = world(tmp_path_factory.mktemp("rides"))
    options = made.options()
    if request.param == "two models":
        model, sha256 = second(made)
        options = made.options(experiment=ExperimentOptions(name="colours", model=model, sha256=sha256, key="rider"))
    with running(options) as one:
        yield one, made


@contextmanager
def asleep(server: Running) -> Iterator[None]:
    """Let the server do nothing meanwhile."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def connect(server: Running) -> socket.socket:
    """Return a connection that the server has accepted: it does so one by one."""
    client = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.sendall(PAGE)
    heard(client, 1)
    return client


def alone(server: Running, requests: Sequence[bytes]) -> list[bytes]:
    """Return the answers to requests of which each waits for the one before."""
    with connect(server) as client:
        found = []
        for request in requests:
            client.sendall(request)
            found += heard(client, 1)
    return found


def beside_each_other(server: Running, by_client: Sequence[Sequence[bytes]]) -> list[list[bytes]]:
    """Return each client's answers; the server sleeps while they send, so that it finds all requests of a turn."""
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in by_client]
        for turn in range(max(map(len, by_client))):
            with asleep(server):
                for client, pieces in zip(clients, by_client, strict=True):
                    if turn < len(pieces):
                        client.sendall(pieces[turn])
        return [heard(client, len(pieces)) for client, pieces in zip(clients, by_client, strict=True)]


PLACES = st.integers(0, len(REQUESTS) - 1)


@settings(max_examples=12, deadline=None)
@given(by_client=st.lists(st.lists(PLACES, min_size=1, max_size=4), min_size=2, max_size=12))
def test_each_client_gets_the_bytes_it_would_get_alone(
    server: tuple[Running, World], by_client: list[list[int]]
) -> None:
    """Of good, bad, failing and large requests, some of which come together on one connection: all but the date."""
    expected = [alone(server[0], [REQUESTS[place] for place in places]) for places in by_client]

    assert beside_each_other(server[0], [[REQUESTS[place] for place in places] for places in by_client]) == expected


def test_what_is_kept_is_what_would_be_kept_alone(server: tuple[Running, World]) -> None:
    """Counters by code, phase, reason and arm; the prediction log, line by line, under the model that answered."""
    one, made = server
    batched = f'headgate_batch_requests_sum{{model="{one.facts["model"]}",service="rides"}}'
    start, first = facts(one, made), one.metric(batched)

    alone(one, REQUESTS)
    middle, second_ = facts(one, made), one.metric(batched)
    beside_each_other(one, [[request] for request in REQUESTS])
    end, third = facts(one, made), one.metric(batched)

    assert end - middle == middle - start
    assert sum((middle - start).values()) > 100
    assert (second_ - first, third > second_) == (0, True)


def facts(server: Running, made: World) -> Counter[str]:
    """Return what was counted, and the lines that were logged, once they are on the disk."""
    time.sleep(0.2)
    found: Counter[str] = Counter()
    for line in server.ask("/metrics").body.decode().splitlines():
        if line.startswith(SEEN):
            name, _, value = line.rpartition(" ")
            found[name] += int(float(value))
    for file in made.log_dir.rglob("*.jsonl"):
        head, *lines = file.read_bytes().splitlines()
        of = json.loads(head)
        for line in lines:
            fields = json.loads(line)
            found[json.dumps([of["model"], of.get("assignment"), fields["scores"], fields["inputs"]])] += 1
    return found


def test_what_is_no_http_is_refused_after_the_answer_before_it(server: tuple[Running, World]) -> None:
    """In the order in which it came."""
    with connect(server[0]) as client:
        client.sendall(REQUESTS[0] + b"nonsense\r\n\r\n")
        found = heard(client, 3)

    assert [answer[:12] for answer in found] == [b"HTTP/1.1 200", b"HTTP/1.1 400"]


def test_who_asks_to_close_gets_one_answer_and_the_end(server: tuple[Running, World]) -> None:
    """Whatever follows."""
    with connect(server[0]) as client:
        client.sendall(post(rides(), headers=("connection: close",)) + REQUESTS[1] * 2)
        found = heard(client, 3)

    assert len(found) == 1
    assert b"connection: close\r\n" in found[0]


SLOW = """
import time
import polars as pl


def features(rows, as_of):
    time.sleep(0.02)
    return rows.select("city", "distance", hour=pl.col("at").dt.hour())
"""


@pytest.fixture
def slow(tmp_path: Path) -> World:
    """A model whose function takes its time, so that others come meanwhile."""
    made = world(tmp_path)
    (tmp_path / "rides_features.py").write_text(SLOW)
    return made


def test_who_is_gone_takes_nobodys_place(slow: World) -> None:
    """More of them than are answered at a time hang up before their answer, politely or not."""
    with running(slow.options(limits=Limits(in_flight=4))) as server:
        for place in range(12):
            with connect(server) as client:
                if place % 2:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.sendall(REQUESTS[0] * (1 + place % 3))
        time.sleep(0.3)
        found = [answer[:12] for answer in alone(server, REQUESTS[:4])]
        said = server.stderr

    assert found == [b"HTTP/1.1 200"] * 4
    assert said == ""


def test_what_waits_is_answered_before_the_end(slow: World) -> None:
    """SIGTERM comes while some are computed and others wait: all are answered, and told that it was the last."""
    with running(slow.options(linger_seconds=0)) as server, ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(9)]
        alone(server, REQUESTS[:1])
        clients[0].sendall(REQUESTS[0])
        time.sleep(0.01)
        for client in clients[1:]:
            client.sendall(REQUESTS[1] * 2)
        server.process.send_signal(signal.SIGTERM)
        found = [heard(client, 2) for client in clients]
        code = server.process.wait(timeout=20)

    assert code == 0
    assert [answers[0][:12] for answers in found] == [b"HTTP/1.1 200"] * 9
    assert all(b"connection: close\r\n" in answers[-1] for answers in found[1:])
