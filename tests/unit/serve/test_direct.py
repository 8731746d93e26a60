"""The short way to the matrix gives what the way by the frame gives, bit by bit."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.contract.numbers import Numbers
from headgate.features import compute
from headgate.models.encoding import encode
from headgate.models.signature import Feature, Signature
from headgate.names import Name
from headgate.serve.door.admission import Door
from headgate.serve.model.direct import direct
from headgate.serve.protocols.datatypes import DATATYPES
from headgate.serve.protocols.v2 import decode
from headgate.specs.contract import Column, ColumnType, Contract
from headgate.specs.reading import parse
from headgate.specs.service import Service
from unit.serve.running import tensor

SERVICE = parse(
    "{service: s, task: regression, data: {reader: r.csv, time: at, label: {column: y}, roles: {z: ignore}}}",
    Service,
    "service.yaml",
)
WORDS = ("a", "b", "ü")
TIMES = st.datetimes().map(lambda at: at.isoformat())
VALUES: dict[ColumnType, Any] = {
    "number": st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([1e39, -3.5e38, 0.1, 1e-46]),
    "integer": st.integers(-(2**63), 2**63 - 1) | st.sampled_from([2**53 + 1, 2**24 + 1, 2**60 + 2**36 + 1]),
    "boolean": st.booleans(),
    "string": st.sampled_from([*WORDS, "unknown", ""]),
    "datetime": TIMES,
    "date": TIMES,
}
NUMBERS = st.just("number")


def signature(types: dict[str, ColumnType]) -> Signature:
    features = tuple(
        Feature(name=name, kind="category", categories=WORDS)
        if type_ == "string"
        else Feature(name=name, kind="number")
        for name, type_ in types.items()
    )
    return Signature(service=Name("s"), task="regression", classes=(), features=features)


def door(types: dict[str, ColumnType]) -> Door:
    columns = {name: Column(type=type_, nulls=1.0, required=False) for name, type_ in types.items()}
    time, label = Column(type="datetime", role="time"), Column(type="number", role="label")
    return Door(Contract(columns={**columns, "at": time, "y": label}), SERVICE)


def ask(types: dict[str, ColumnType], columns: dict[str, list[Any]], count: int) -> bytes:
    inputs = [tensor(name, DATATYPES[types[name]][0], values) for name, values in columns.items()]
    return json.dumps({"inputs": [*inputs, tensor("at", "BYTES", ["2024-05-01"] * count)]}).encode()


@st.composite
def requests(draw: st.DrawFn, kinds: Any) -> tuple[dict[str, ColumnType], dict[str, list[Any]], int]:
    """Return the types of a contract, and the columns of a request that has some of them."""
    types = {f"c{place}": draw(kinds) for place in range(draw(st.integers(1, 4)))}
    count = draw(st.integers(1, 3))
    sent = draw(st.lists(st.sampled_from(sorted(types)), min_size=1, unique=True))
    columns = {name: draw(st.lists(st.none() | VALUES[types[name]], min_size=count, max_size=count)) for name in sent}
    return types, columns, count


@given(requests(st.sampled_from(sorted(VALUES))) | requests(NUMBERS))
def test_both_ways_give_the_same_matrix(case: tuple[dict[str, ColumnType], dict[str, list[Any]], int]) -> None:
    """Nulls, absent columns, unknown words, numbers too large for float32 and integers that floats round."""
    types, columns, count = case
    at_the_door, model = door(types), signature(types)
    rows = at_the_door.admit(decode(ask(types, columns, count)))
    short = direct(at_the_door.types, at_the_door.numbers, SERVICE.data, model)

    expected = encode(compute(at_the_door.frame(rows), SERVICE), model)

    assert short is not None
    found = short.matrix(rows)
    assert (found.dtype, found.shape, found.flags.c_contiguous) == (np.float32, (count, len(types)), True)
    assert found.tobytes() == expected.tobytes() or np.array_equal(found, expected, equal_nan=True)


def test_numbers_alone_are_read_at_once() -> None:
    """The request that most clients send takes the shortest way."""
    types: dict[str, ColumnType] = {"a": "number", "b": "number"}
    at_the_door = door(types)

    rows = at_the_door.admit(decode(ask(types, {"b": [1.5, None], "a": [2.5, 3]}, 2)))

    assert rows.numbers is not None
    assert np.array_equal(rows.numbers, [[2.5, 3.0], [1.5, np.nan]], equal_nan=True)
    assert rows.columns["a"] == [2.5, 3.0]


@pytest.mark.parametrize(
    ("type_", "feature"),
    [
        ("string", Feature(name="c", kind="number")),
        ("integer", Feature(name="c", kind="category", categories=("1",))),
        ("number", Feature(name="at", kind="number")),
        ("number", Feature(name="z", kind="number")),
        ("number", Feature(name="wind", kind="number")),
    ],
)
def test_a_feature_that_is_no_plain_input_takes_the_long_way(type_: ColumnType, feature: Feature) -> None:
    """It knows how to convert, and what to say."""
    model = msgspec.structs.replace(signature({}), features=(feature,))
    types: dict[str, ColumnType] = {"c": type_, "z": "number", "at": "datetime"}

    assert direct(types, Numbers({}), SERVICE.data, model) is None
