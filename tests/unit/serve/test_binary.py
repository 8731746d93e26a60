"""Tensors as bytes behind the JSON: the same answers as in JSON, and what lies about itself is refused by name."""

import json
import struct
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.serve.door.admission import Door
from headgate.serve.door.limits import Limits
from headgate.serve.logs.prediction_log import inputs_of, read
from headgate.serve.protocols import binary
from headgate.serve.protocols.v2 import Output, Response
from headgate.serve.refusal import RefusalError
from headgate.specs.contract import Column, Contract
from headgate.specs.reading import parse
from headgate.specs.service import Service
from unit.serve.running import Answer, Running, World, changed, rides, running, world

INFER = "/v2/models/rides/infer"
DTYPES = {"INT64": "<i8", "INT32": "<i4", "FP64": "<f8", "FP32": "<f4", "FP16": "<f2", "BOOL": "?", "UINT8": "u1"}
SPEC = parse(
    "{service: s, task: regression, data: {reader: r.csv, label: {column: y}}}",
    Service,
    "service.yaml",
)


def packed(values: list[Any], datatype: str) -> bytes:
    if datatype == "BYTES":
        return b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in values)
    return np.array(values, DTYPES[datatype]).tobytes()


def body(request: Mapping[str, Any], *, only: set[str] | None = None, **lies: int) -> tuple[bytes, int]:
    """Return a body with its inputs as bytes, and how much of it is JSON; `lies` are sizes that are not true."""
    inputs, behind = [], b""
    for item in request["inputs"]:
        if only is None or item["name"] in only:
            content = packed(item["data"], item["datatype"])
            size = lies.get(item["name"], len(content))
            rest = {key: value for key, value in item.items() if key != "data"}
            inputs.append({**rest, "parameters": {"binary_data_size": size}})
            behind += content
        else:
            inputs.append(item)
    head = json.dumps({**request, "inputs": inputs}).encode()
    return head + behind, len(head)


def admit(sent: tuple[bytes, int], door: Door) -> None:
    request = binary.decode(sent[0], str(sent[1]).encode(), 1000)
    for tensor in request.inputs:
        binary.values_of(tensor)
    door.admit(request)


def refusal(sent: tuple[bytes, int], door: Door | None = None) -> str:
    with pytest.raises(RefusalError) as refused:
        admit(sent, door or Door(Contract(columns={}), SPEC))
    assert refused.value.status == 400
    assert len(refused.value.message) < 300
    return refused.value.message


@pytest.mark.parametrize("length", ["", "-1", "x", "99999", "1" * 400, "٣", "1.0", " 5"])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    """It says where the tensors begin."""
    with pytest.raises(RefusalError, match="inference-header-content-length is"):
        binary.decode(body(rides())[0], length.encode(), 1000)


@pytest.mark.parametrize("length", [0, 1, 100])
def test_a_length_that_cuts_the_json_is_refused(length: int) -> None:
    """What is before it must be a document."""
    assert "is not JSON" in refusal((body(rides())[0], length))


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (body(rides(), distance=-1), "input 'distance' has binary_data_size -1, and 16 bytes are left"),
        (body(rides(), seats=2**40), "input 'seats' has binary_data_size 1099511627776, and "),
        (body(rides(), seats=2**70), "input 'seats' is not as in V2"),
        (body(rides(), seats=9), "input 'seats' has binary_data_size 9, and 8 bytes are left"),
        (body(rides(), distance=7), "input 'distance' has binary_data_size 7; its shape [1] of FP64 says 8"),
        (body(rides(), seats=0), "input 'seats' has binary_data_size 0; its shape [1] of INT64 says 8"),
        (body(changed(rides(), "seats", shape=[2])), "input 'seats' has binary_data_size 8; its shape [2] of INT64"),
        (body(changed(rides(), "seats", shape=[-1])), "input 'seats' has shape '[-1]'"),
        (body(changed(rides(), "seats", shape=[1, 2**62])), "input 'seats' has shape"),
        (body(changed(rides(), "seats", shape=[2**62, 1])), "input 'seats' has binary_data_size 8; its shape"),
        (body(rides(1001)), "input 'rider' has 1,001 rows; at most 1,000"),
        ((body(rides())[0] + b"xy", body(rides())[1]), "2 bytes are left over"),
        ((body(rides())[0][:-1], body(rides())[1]), "input 'seats' has binary_data_size 8, and 7 bytes"),
    ],
)
def test_sizes_that_lie_are_refused(sent: tuple[bytes, int], said: str) -> None:
    """Too small, too large, beyond the body, beyond 64 bits, not what the shape says."""
    assert said in refusal(sent)


def texts(content: bytes, count: int = 1) -> tuple[bytes, int]:
    head = json.dumps(
        {
            "inputs": [
                {
                    "name": "city",
                    "datatype": "BYTES",
                    "shape": [count],
                    "parameters": {"binary_data_size": len(content)},
                }
            ]
        }
    ).encode()
    return head + content, len(head)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (texts(b""), "input 'city' ends within [0]"),
        (texts(b"\x01\x00\x00"), "input 'city' ends within [0]"),
        (texts(b"\x05\x00\x00\x00abcd"), "input 'city' ends within [0]"),
        (texts(b"\xff\xff\xff\xffabcd"), "input 'city' ends within [0]"),
        (texts(b"\x01\x00\x00\x00a", 2), "input 'city' ends within [1]"),
        (texts(b"\x01\x00\x00\x00ab"), "input 'city' has 1 bytes behind the 1 texts"),
        (texts(b"\x02\x00\x00\x00\xff\xfe"), "input 'city' is not BYTES: [0] is no UTF-8"),
    ],
)
def test_texts_that_lie_about_their_length_are_refused(sent: tuple[bytes, int], said: str) -> None:
    """Each has its length in four bytes before it."""
    assert said in refusal(sent)


def test_values_twice_or_not_at_all_are_refused(served: tuple[World, Running]) -> None:
    """As JSON and as bytes; with a size and no header; with neither."""
    twice = json.dumps(changed(rides(), "seats", parameters={"binary_data_size": 8})).encode()
    bare = json.dumps({"inputs": [{"name": "seats", "datatype": "INT64", "shape": [1]}]}).encode()
    content, length = body(rides(), only={"seats"})

    assert "input 'seats' has both data and binary_data_size" in refusal((twice, len(twice)))
    assert "input 'seats' is missing required field data" in refusal((bare, len(bare)))
    assert "no header inference-header-content-length" in served[1].infer(content[:length]).json["error"]


@pytest.mark.parametrize(
    ("datatype", "content"), [("BOOL", b"\x02"), ("FP8", b"x"), ("STRING", b"x"), ("bool", b"\x01")]
)
def test_bytes_that_are_no_value_of_their_datatype_are_refused(datatype: str, content: bytes) -> None:
    """A boolean is 0 or 1; what is unknown has no size."""
    head = json.dumps(
        {"inputs": [{"name": "b", "datatype": datatype, "shape": [1], "parameters": {"binary_data_size": 1}}]}
    ).encode()

    assert "input 'b'" in refusal((head + content, len(head)))


@given(st.binary(max_size=300), st.integers(0, 320))
def test_no_bytes_can_do_more_than_be_refused(content: bytes, length: int) -> None:
    """Anything is either a request or a RefusalError."""
    good, json_length = body(rides(2))
    for sent, stated in ((content, length), (good[:json_length] + content, json_length)):
        try:
            for tensor in binary.decode(sent, str(stated).encode(), 1000).inputs:
                binary.values_of(tensor)
        except RefusalError as err:
            assert err.message  # noqa: PT017 - it may also be a request


def small_door() -> Door:
    columns = {
        "a": Column(type="number", nulls=0.5, max=100),
        "b": Column(type="number", min=-5, range_severity="error"),
        "y": Column(type="number", role="label"),
    }
    return Door(Contract(columns=columns), SPEC)


def two(a: list[float], b: list[float], *datatypes: str) -> tuple[bytes, int]:
    columns = zip("ab", datatypes, (a, b), strict=True)
    return body({"inputs": [{"name": n, "datatype": t, "shape": [len(v)], "data": v} for n, t, v in columns]})


@pytest.mark.parametrize("datatypes", [("FP64", "FP64"), ("FP32", "FP64"), ("FP16", "FP32"), ("FP64", "INT32")])
def test_numbers_are_let_in_as_any_datatype_that_holds_them(datatypes: tuple[str, str]) -> None:
    """NaN is a missing value where the contract has those."""
    content, length = two([1.5, float("nan")], [2, -4], *datatypes)

    rows = small_door().admit(binary.decode(content, str(length).encode(), 10))

    assert {name: rows.columns[name] for name in rows.columns} == {"a": [1.5, None], "b": [2, -4]}
    assert small_door().frame(rows)["a"].to_list() == [1.5, None]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (two([1.0], [float("nan")], "FP64", "FP64"), "input 'b' has null; the contract allows no missing values"),
        (two([float("inf")], [1.0], "FP64", "FP32"), "input 'a' has an infinite value"),
        (two([1.0], [-6.0], "FP16", "FP64"), "input 'b' has -6.0; expected at least -5"),
        (two([1.0, 2.0], [1.0], "FP64", "FP64"), "input 'b' has 1 values and 'a' has 2"),
        (two([], [], "FP64", "FP64"), "has no values"),
        (two([1.0], [1.0], "FP64", "BOOL"), "input 'b' has datatype 'BOOL'"),
    ],
)
def test_bytes_keep_the_contract_too(sent: tuple[bytes, int], said: str) -> None:
    """The door's words are the same."""
    assert said in refusal(sent, small_door())


def test_whole_numbers_beyond_64_bits_signed_are_refused() -> None:
    """No dataset has them."""
    door = Door(Contract(columns={"n": Column(type="integer"), "y": Column(type="number", role="label")}), SPEC)
    head = json.dumps(
        {"inputs": [{"name": "n", "datatype": "UINT64", "shape": [1], "parameters": {"binary_data_size": 8}}]}
    ).encode()

    assert "input 'n' has a whole number beyond 64 bits" in refusal((head + b"\xff" * 8, len(head)), door)


def test_answers_lie_behind_their_json_where_that_is_wanted() -> None:
    """Probabilities, labels, or only one of them."""
    outputs = [Output("probability", "FP64", (2,), [0.25, 0.5]), Output("label", "BYTES", (2,), ["a", "ü"])]

    mixed = binary.encode(Response("s", "1", outputs, "7", frozenset({"label"})))

    assert isinstance(mixed, binary.Mixed)
    head, behind = json.loads(mixed[: mixed.json_bytes]), mixed[mixed.json_bytes :]
    assert head["outputs"] == [
        {"name": "probability", "datatype": "FP64", "shape": [2], "data": [0.25, 0.5]},
        {"name": "label", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": 11}},
    ]
    assert head["id"] == "7"
    assert behind == packed(["a", "ü"], "BYTES")


LIMITS = Limits(body_bytes=2_000_000, body_seconds=1)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Running]]:
    """One server for the tests below."""
    made = world(tmp_path_factory.mktemp("rides"))
    with running(made.options(limits=LIMITS)) as one:
        yield made, one


def infer(server: Running, sent: tuple[bytes, int]) -> Answer:
    content, length = sent
    connection = server.connect()
    connection.request("POST", INFER, content, {"Inference-Header-Content-Length": str(length)})
    response = connection.getresponse()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


@pytest.mark.parametrize("count", [1, 3, 900])
@pytest.mark.parametrize("only", [None, {"distance"}, {"city", "at"}])
def test_bytes_get_the_answer_that_json_gets(served: tuple[World, Running], count: int, only: set[str] | None) -> None:
    """Few rows and many, all inputs as bytes or some of them."""
    answer = infer(served[1], body(rides(count), only=only))

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == served[1].infer(rides(count)).json


@pytest.mark.parametrize(
    "wish",
    [
        {"outputs": [{"name": "probability", "parameters": {"binary_data": True}}]},
        {"parameters": {"binary_data_output": True}},
    ],
)
def test_an_answer_in_bytes_says_where_they_begin(served: tuple[World, Running], wish: dict[str, Any]) -> None:
    """Asked for one output or for all, by a request in JSON."""
    answer = served[1].infer({**rides(3), **wish})

    length = int(answer.headers["inference-header-content-length"])
    assert answer.headers["content-type"] == "application/octet-stream"
    assert json.loads(answer.body[:length])["outputs"][0]["parameters"] == {"binary_data_size": 24}
    assert np.frombuffer(answer.body[length:]).tolist() == served[1].infer(rides(3)).json["outputs"][0]["data"]


def test_after_each_lie_a_good_request_gets_its_answer(served: tuple[World, Running]) -> None:
    """400, and the next one as ever."""
    for sent in (body(rides(), seats=4), (b"x", 1), (body(rides())[0], 10**9), texts(b"\xff" * 8)):
        assert infer(served[1], sent).status == 400
        assert infer(served[1], body(rides())).status == 200


def test_what_came_as_bytes_is_in_the_prediction_log(served: tuple[World, Running]) -> None:
    """With the values that were sent, null for NaN."""
    made, server = served
    first = datetime(2032, 5, 1, 8)  # noqa: DTZ001 - without an offset, as clients send it
    request = changed(rides(2, first=first), "distance", data=[1.5, float("nan")])

    assert infer(server, body(request)).status == 200

    deadline = datetime.now() + timedelta(seconds=5)  # noqa: DTZ005 - a stopwatch
    while (rows := read(made.log_dir).filter(pl.col("id").str.contains("|2032-", literal=True))).is_empty():
        assert datetime.now() < deadline  # noqa: DTZ005 - a stopwatch
    assert inputs_of(rows)["distance"].to_list() == [1.5, None]
    assert inputs_of(rows)["city"].to_list() == ["zürich"] * 2
