"""A real server: what good requests get, what bad ones get, and that the next good one always succeeds."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import polars as pl
import pytest

from headgate.models.loading import load
from headgate.serve.door.limits import Limits
from headgate.serve.logs.prediction_log import inputs_of, read
from unit.serve.running import EIGHT, Running, World, ask, changed, rides, running, tensor, world

LIMITS = Limits(body_bytes=200_000, body_seconds=0.5)
INFER = "/v2/models/rides/infer"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Running]]:
    """One server for all tests of this file."""
    made = world(tmp_path_factory.mktemp("rides"))
    with running(made.options(limits=LIMITS)) as server:
        yield made, server


@pytest.fixture
def server(served: tuple[World, Running]) -> Running:
    return served[1]


BAD: list[tuple[str, Any]] = [
    ("is not JSON", b"{"),
    ("input 'distance'", changed(rides(), "distance", data=[float("nan")])),
    ("input 'distance'", json.dumps(rides()).replace("1.5", "1e400").encode()),
    ("input 'distance'", changed(rides(), "distance", data=["far"])),
    ("input 'distance'", changed(rides(), "distance", datatype="FP16")),
    ("input 'distance'", changed(rides(), "distance", shape=[-1])),
    ("input 'distance'", changed(rides(), "distance", shape=[2**63])),
    ("input 'distance'", changed(rides(2), "distance", data=[1.0])),
    ("input 'seats'", changed(rides(2), "seats", data=[1], shape=[1])),
    ("input 'city'", {"inputs": [*rides()["inputs"], tensor("city", "BYTES", ["berne"])]}),
    ("input 'wind'", {"inputs": [*rides()["inputs"], tensor("wind", "FP64", [1.0])]}),
    ("input 'late'", {"inputs": [*rides()["inputs"], tensor("late", "BOOL", [True])]}),
    ("input 'at'", changed(rides(), "at", data=["2024-02-30"])),
    ("output 'magic'", {**rides(), "outputs": [{"name": "magic"}]}),
]


@pytest.mark.parametrize(("said", "body"), BAD)
def test_a_bad_request_gets_400_and_the_next_good_one_its_answer(server: Running, said: str, body: Any) -> None:
    """On the same connection, with the input named and no traceback."""
    refused = server.infer(body)
    good = server.infer(rides())

    assert (refused.status, good.status) == (400, 200)
    assert list(refused.json) == ["error"]
    assert said in refused.json["error"]
    assert "Traceback" not in refused.json["error"]
    assert refused.headers["headgate-model"] == good.headers["headgate-model"]


def test_an_error_of_the_owners_function_is_a_500_without_its_words(server: Running) -> None:
    """What went wrong inside is for the log, not for the client; the server goes on."""
    failed = server.infer(changed(rides(), "seats", data=[7]))
    good = server.infer(rides())

    assert (failed.status, good.status) == (500, 200)
    assert failed.json == {"error": "the model could not answer; the server's log says why"}


def test_a_body_over_the_limit_is_refused_before_it_is_parsed(server: Running) -> None:
    """413, also for a body that doesn't say its length; the connection is closed, the next one is fine."""
    long = b"[" * 3_000_000

    declared = ask(server.connect(), INFER, long)
    connection = server.connect()
    connection.request("POST", INFER, iter([long[:50_000]] * 40), encode_chunked=True)
    chunked = connection.getresponse()

    assert (declared.status, chunked.status) == (413, 413)
    assert declared.json == {"error": "the body is longer than 200,000 bytes; send fewer rows a request"}
    assert chunked.getheader("connection") == "close"
    assert ask(server.connect(), INFER, json.dumps(rides()).encode()).status == 200


def test_a_client_that_asks_before_sending_is_told_at_once(server: Running) -> None:
    """With `expect: 100-continue` nothing of a too long body is sent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        head = f"POST {INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: 900000\r\nexpect: 100-continue\r\n\r\n"
        client.sendall(head.encode())

        answer = client.recv(1000)

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_body_that_does_not_come_gets_408(server: Running) -> None:
    """A slow client holds nothing for long."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(f"POST {INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{".encode())

        answer = b""
        while more := client.recv(1000):
            answer += more

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"did not come within 0.5 seconds" in answer


def test_a_client_that_leaves_harms_nobody(server: Running) -> None:
    """Its request is neither answered nor counted."""
    before = server.ask("/metrics").body
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
            client.sendall(f"POST {INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{".encode())
    time.sleep(0.1)

    assert server.ask("/metrics").body == before
    assert server.infer(rides()).status == 200


def test_bytes_that_are_no_http_get_400(server: Running) -> None:
    """And the server goes on."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(b"\x16\x03\x01\x02\x00 not http\r\n\r\n")

        assert client.recv(1000).startswith(b"HTTP/1.1 400 ")
    assert server.infer(rides()).status == 200


def test_answers_are_the_models_own(served: tuple[World, Running]) -> None:
    """The same numbers as predicting from the package by hand."""
    made, server = served
    features = pl.DataFrame({"city": ["zürich"] * 3, "distance": [1.5, 2.5, None], "hour": [8, 8, 8]})

    answer = server.infer({**changed(rides(3), "distance", data=[1.5, 2.5, None]), "id": "42"})

    expected = load(made.model, made.sha256).predict(features)
    assert answer.status == 200
    assert answer.headers["headgate-model"] == made.sha256[:12]
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {
        "model_name": "rides",
        "model_version": made.sha256[:12],
        "id": "42",
        "outputs": [{"name": "probability", "datatype": "FP64", "shape": [3], "data": expected.tolist()}],
    }


def test_many_rows_are_answered_beside_small_requests(server: Running) -> None:
    """A big batch is computed in a thread, and each client gets its own answer."""
    bodies = [rides(2500), *(rides(1 + k % 3, rider=k) for k in range(40))]

    def shapes(body: Any) -> tuple[int, int]:
        answer = ask(server.connect(), INFER, json.dumps(body, separators=(",", ":")).encode())
        return answer.status, answer.json["outputs"][0]["shape"][0]

    with ThreadPoolExecutor(8) as clients:
        found = list(clients.map(shapes, bodies))

    assert found == [(200, 2500), *((200, 1 + k % 3) for k in range(40))]


def test_every_answered_row_is_in_the_prediction_log(served: tuple[World, Running]) -> None:
    """With its id, score and raw inputs, within the flush interval; a refused request is not."""
    made, server = served
    first = EIGHT.replace(year=2031)

    answer = server.infer(rides(3, first=first, rider=900))
    server.infer(changed(rides(1, first=first, rider=990), "seats", data=[9]))
    time.sleep(0.3)

    rows = read(made.log_dir).filter(pl.col("id").str.contains("|2031-", literal=True))
    assert rows["prediction"].to_list() == answer.json["outputs"][0]["data"]
    assert rows["id"].to_list() == [f"{900 + k}|2031-05-01T08:0{k}:00" for k in range(3)]
    assert inputs_of(rows)["city"].to_list() == ["zürich"] * 3
    assert set(rows["model"]) == {made.sha256}


def test_answers_refusals_and_reasons_are_counted(server: Running) -> None:
    """By code, with the model's short digest; the histogram counts the same answers."""
    labels = f'code="{{}}",model="{server.facts["model"]}",service="rides"'
    lines = [f"headgate_requests_total{{{labels.format(code)}}}" for code in (200, 400)]
    lines += ['headgate_rejected_total{reason="contract",service="rides"}']
    lines += [f'headgate_request_seconds_count{{model="{server.facts["model"]}",service="rides"}}']
    before = [server.metric(line) for line in lines]

    server.infer(rides())
    server.infer(rides())
    server.infer(changed(rides(), "seats", data=[9]))

    after = [server.metric(line) for line in lines]
    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 1, 1, 3]


def test_phases_and_rows_are_counted(server: Running) -> None:
    """Each answer once, a refused request not at all; the phases are parts of the whole."""
    model = f'model="{server.facts["model"]}"'
    phases = ("decode", "check", "predict", "encode")
    lines = [f'headgate_phase_seconds_count{{{model},phase="{phase}",service="rides"}}' for phase in phases]
    lines += [f'headgate_request_rows_{one}{{{model},service="rides"}}' for one in ("sum", "count")]
    lines += [f'headgate_request_rows_bucket{{le="10.0",{model},service="rides"}}']
    before = [server.metric(line) for line in lines]

    server.infer(rides(3))
    server.infer(rides(12))
    server.infer(changed(rides(), "seats", data=[9]))

    after = [server.metric(line) for line in lines]
    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 2, 2, 2, 15, 2, 1]
    spent = sum(server.metric(line.replace("_count", "_sum")) for line in lines[:4])
    assert 0 < spent < server.metric(f'headgate_request_seconds_sum{{{model},service="rides"}}')


def test_the_pages_of_the_protocol_are_there(server: Running) -> None:
    """Server, health, model."""
    about = server.ask("/v2/models/rides").json

    assert server.ask("/v2").json["name"] == "headgate"
    assert server.ask("/v2/health/live").json == {"live": True}
    assert server.ask("/v2/health/ready").json == {"name": "rides", "ready": True}
    assert server.ask("/v2/models/rides/ready").status == 200
    assert about["versions"] == [server.facts["model"]]
    assert about["inputs"][:2] == [
        {"name": "rider", "datatype": "INT64", "shape": [-1]},
        {"name": "at", "datatype": "BYTES", "shape": [-1]},
    ]
    assert about["outputs"] == [{"name": "probability", "datatype": "FP64", "shape": [-1]}]


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/v2/models/ride", 404, "no model 'ride' here; there is 'rides'. Did you mean 'rides'?"),
        ("POST", "/v2/models/..%2f..%2fetc/infer", 404, "not answered here"),
        ("GET", "/v2/models/x/ready", 404, "no model 'x'"),
        ("POST", "/v2/models/x/infer", 404, "no model 'x'"),
        ("POST", "/v2/models/rides/versions/1/infer", 404, "no version '1' of 'rides' here; there is '"),
        ("GET", "/v2/models/rides/versions/1", 404, "no version '1' of 'rides' here; there is '"),
        ("GET", INFER, 405, "not answered here"),
        ("DELETE", "/v2", 405, "not answered here"),
        ("GET", "/v3", 404, "not answered here"),
        ("GET", "/" + "x" * 1000, 404, "not answered here"),
    ],
)
def test_what_is_not_there_says_so_in_the_protocols_words(
    server: Running, method: str, path: str, status: int, said: str
) -> None:
    """Errors are JSON everywhere."""
    answer = server.ask(path, method=method)

    assert answer.status == status
    assert said in answer.json["error"]
    assert len(answer.json["error"]) < 200
