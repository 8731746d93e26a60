"""Open Inference Protocol: what is refused, in words that name the input, and what is understood."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.serve.protocols import v2 as protocol
from headgate.serve.refusal import RefusalError
from unit.serve.running import tensor

DEEP = b"[" * 100_000 + b"]" * 100_000


def request(*inputs: Any) -> bytes:
    return json.dumps({"inputs": list(inputs)}).encode()


def parse(body: bytes) -> list[list[Any]]:
    return [protocol.values_of(item) for item in protocol.decode(body).inputs]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b"[1]", "expected object, got array"),
        (b'{"id": "1"}', "missing required field inputs"),
        (b"\xff\xfe", "is not JSON"),
        (b'{"inputs": [{"name": "d\xff", "datatype": "FP64", "shape": [1], "data": [1]}]}', "is not JSON"),
        (b'{"inputs": [{"name": "d", "datatype": "FP64", "shape": [1]}]}', "missing required field data"),
        (request(tensor("d", "FP64", [float("nan")])), "input 'd' is not JSON"),
        (request(tensor("d", "FP64", [float("inf")])), "input 'd' is not JSON"),
        (request(tensor("d", "FP64", [float("-inf")])), "input 'd' is not JSON"),
        (b'{"inputs": [{"name": "d", "datatype": "FP64", "shape": [1], "data": [1e400]}]}', "input 'd' is not FP64"),
        (request(tensor("d", "FP64", [True])), "input 'd' is not FP64: [0]: expected float | null, got bool"),
        (request(tensor("d", "FP64", ["1"])), "input 'd' is not FP64"),
        (request(tensor("d", "INT64", [1.5])), "input 'd' is not INT64"),
        (request(tensor("d", "INT64", [2**63])), "input 'd' is not INT64"),
        (request(tensor("d", "INT32", [0, 2**31])), "input 'd' is not INT32: [1]"),
        (request(tensor("d", "INT64", [10**400])), "input 'd' is not INT64"),
        (request(tensor("d", "BOOL", [0])), "input 'd' is not BOOL"),
        (request(tensor("d", "BYTES", [1])), "input 'd' is not BYTES"),
        (request(tensor("d", "FP64", [[1.0], [2.0]], [2, 1])), "input 'd' is not FP64"),
        (request(tensor("d", "FP64", [1.0, 2.0], [3])), "input 'd' has 2 values; its shape [3] says 3"),
        (request(tensor("d", "FP64", [1.0], [-1])), "input 'd' has shape '[-1]'; expected [n] or [n, 1]"),
        (request(tensor("d", "FP64", [1.0], [])), "input 'd' has shape '[]'"),
        (request(tensor("d", "FP64", [1.0] * 4, [2, 2])), "input 'd' has shape '[2, 2]'"),
        (request(tensor("d", "FP64", [1.0], [2**62, 2**62])), "input 'd' has shape"),
        (request(tensor("d", "FP64", [1.0], [2**40])), "input 'd' has 1 values"),
        (request(tensor("d", "FP64", [1.0], [2**64])), "input 'd' is not as in V2: inputs[0].shape[0]"),
        (request(tensor("d", "FP64", [1.0], [10**4200])), "input 'd'"),
        (request(tensor("a", "FP64", [1.0]), {**tensor("d", "FP64", [1]), "shape": "1"}), "input 'd' is not as"),
        (request(tensor("d", "FP16", [1.0])), "input 'd' has datatype 'FP16'; known here: BOOL"),
        (b'{"inputs": [{"name": "d", "data": ' + DEEP + b"}]}", "nested"),
        (b'{"inputs": ' + DEEP + b"}", "the request is not as in V2"),
    ],
)  # fmt: skip
def test_what_is_not_a_v2_request_is_refused_with_its_reason(body: bytes, said: str) -> None:
    """A 400 names the input where one is at fault, and never shows a traceback."""
    with pytest.raises(RefusalError) as refused:
        parse(body)

    assert said in refused.value.message
    assert refused.value.status == 400
    assert len(refused.value.message) < 400


def test_a_refusal_cuts_the_clients_own_words() -> None:
    """A name of a megabyte does not come back whole."""
    body = request(tensor("x" * 1_000_000, "FP16", [1.0]))

    with pytest.raises(RefusalError) as refused:
        parse(body)

    assert len(refused.value.message) < 200


@pytest.mark.parametrize("data", [b"", b"[1.0],[2.0]", b"[[1.0]]", b"1", b"[true]"])
def test_numbers_that_are_none_are_not_read_at_once(data: bytes) -> None:
    """One by one they get the words that they deserve."""
    [item] = protocol.decode(request(tensor("d", "FP64", [1.0]))).inputs
    item.data = msgspec.Raw(data)

    assert protocol.floats_of([item]) is None


def test_shapes_of_one_column_are_understood() -> None:
    """[n] and [n, 1] are the same rows."""
    values = parse(request(tensor("d", "FP64", [1, 2.5, None]), tensor("c", "BYTES", ["a", "ü", ""], [3, 1])))

    assert values == [[1.0, 2.5, None], ["a", "ü", ""]]


def test_members_of_the_protocol_that_mean_nothing_here_are_allowed() -> None:
    """Clients send parameters with every request."""
    column = {**tensor("d", "FP64", [1.0]), "parameters": {"content_type": "np"}}
    body = json.dumps({"id": "7", "parameters": {"a": 1}, "inputs": [column]}).encode()

    assert protocol.decode(body).id == "7"


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.none(), min_size=1),
    st.lists(st.text(), min_size=1),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
)
def test_any_values_come_through_unchanged(numbers: list[Any], texts: list[str], integers: list[int]) -> None:
    """What a client's JSON library wrote is what features() gets."""
    body = request(tensor("a", "FP64", numbers), tensor("b", "BYTES", texts), tensor("c", "INT64", integers))

    assert parse(body) == [numbers, texts, integers]


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_can_do_more_than_be_refused(body: bytes) -> None:
    """Anything is either a request or a RefusalError."""
    try:
        parse(body)
    except RefusalError as err:
        assert err.message  # noqa: PT017 - it may also be a request
