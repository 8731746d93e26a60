"""What a request would be refused for is set aside, and nothing else: the door itself is the judge."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.errors import PermanentError
from headgate.score.admission import admit, inputs_in
from headgate.serve.door.admission import Door
from headgate.serve.protocols import v2
from headgate.serve.refusal import RefusalError
from headgate.specs.contract import Column, Contract
from headgate.specs.service import Data, Label, Service

CONTRACT = Contract(
    columns={
        "rider": Column(type="integer", role="id"),
        "at": Column(type="datetime", role="time"),
        "day": Column(type="date", nulls=0.5),
        "city": Column(type="string", categories=("berne", "zürich"), unseen="error", nulls=0.1),
        "note": Column(type="string", pattern="[a-z]*", max_length=4),
        "mood": Column(type="string", categories=("good", "bad")),
        "distance": Column(type="number", nulls=0.5, min=0, max=10, outside="reject"),
        "weight": Column(type="number", min=1, max=5, outside="clip"),
        "seats": Column(type="integer", min=0, max=8, outside="clip", nulls=1),
        "age": Column(type="integer", min=0, max=99),
        "member": Column(type="boolean", required=False, nulls=1),
        "late": Column(type="boolean", role="label"),
    }
)
SPEC = Service(
    service="rides",
    task="binary",
    data=Data(reader="r", time="at", id=("rider", "at"), label=Label(column="late")),
)
GOOD: dict[str, Any] = {
    "rider": 1,
    "at": "2024-05-01T08:00:00",
    "day": "2024-05-01",
    "city": "berne",
    "note": "abc",
    "mood": "good",
    "distance": 2.5,
    "weight": 2.0,
    "seats": 3,
    "age": 40,
    "member": True,
}


def door() -> Door:
    return Door(CONTRACT, SPEC)


def asked(row: dict[str, Any]) -> pl.DataFrame | str:
    """Return one row as the server admits it, or what it says."""
    datatypes = door().datatypes
    tensors = [
        {"name": name, "shape": [1], "datatype": datatypes[name], "data": [value]} for name, value in row.items()
    ]
    try:
        request = v2.decode(msgspec.json.encode({"inputs": tensors}))
        return door().frame(door().admit(request))
    except RefusalError as err:
        return err.message


def one(row: dict[str, Any]) -> Any:
    return admit(pl.DataFrame([row]), 0, door())


words = st.sampled_from(
    ["berne", "zürich", "good", "bad", "", "abc", "abcde", "A", "é", "2024-05-01", "12:00", "x" * 9]
)
numbers = st.one_of(st.sampled_from([0, 10, 1, 5, 8, 99, -1, 11, 1e300, 2**53]), st.integers(-5, 105))
reals = st.floats(-2, 12) | numbers.map(float)
moments = st.sampled_from(
    [
        "2024-05-01T08:00:00",
        "2024-05-01",
        "2024-02-30",
        "2024-05-01T08:00:00+02:00",
        "soon",
        "",
        "0001-01-01T00:00:00+23:00",
    ]
)
ROWS = st.fixed_dictionaries(
    {
        "rider": st.none() | st.integers(-5, 2**62),
        "at": st.none() | moments,
        "day": st.none() | moments,
        "city": st.none() | words,
        "note": st.none() | words,
        "mood": st.none() | words,
        "distance": st.none() | reals,
        "weight": st.none() | reals,
        "seats": st.none() | st.integers(-3, 12),
        "age": st.none() | st.integers(-3, 120),
        "member": st.none() | st.booleans(),
    }
)
SCHEMA = {
    "rider": pl.Int64,
    **dict.fromkeys(("at", "day", "city", "note", "mood"), pl.String),
    **dict.fromkeys(("distance", "weight"), pl.Float64),
    **dict.fromkeys(("seats", "age"), pl.Int64),
    "member": pl.Boolean,
}


@settings(max_examples=300, deadline=None)
@given(st.lists(ROWS | st.just(GOOD), min_size=1, max_size=6))
def test_a_row_of_a_file_is_let_in_exactly_when_a_request_of_it_is(rows: list[dict[str, Any]]) -> None:
    """The same rows, the same values, clipped where the door clips; the same reason where it does not let one in."""
    found = admit(pl.DataFrame(rows, schema=SCHEMA), 100, door())

    alone = [asked(row) for row in rows]
    let_in = [100 + place for place, answer in enumerate(alone) if not isinstance(answer, str)]
    assert found.places.to_list() == let_in
    frames = [answer for answer in alone if not isinstance(answer, str)]
    if frames:
        assert found.rows.equals(pl.concat(frames))
    refused = {100 + place: answer for place, answer in enumerate(alone) if isinstance(answer, str)}
    assert set(found.rejected["row"]) == set(refused)
    for row, name, _, reason in found.rejected.rows():
        assert f"input '{name}' {reason}"[:60] == refused[row][:60]


def test_a_time_that_does_not_exist_is_told_in_the_servers_words() -> None:
    """With what is wrong with it."""
    row = GOOD | {"at": "0001-01-01T00:00:00+23:00"}

    [told] = one(row).rejected["reason"]

    assert asked(row) == f"input 'at' {told}"
    assert told.endswith("out of range")


@pytest.mark.parametrize(
    ("change", "input_", "kind"),
    [
        ({"distance": float("inf")}, "distance", "infinite"),
        ({"weight": float("nan")}, "weight", "null"),
        ({"rider": None}, "rider", "null"),
        ({"seats": 2.5}, "seats", "type"),
        ({"rider": 2**63}, "rider", "type"),
    ],
)
def test_what_json_cannot_carry_is_judged_as_the_contract_says(change: Any, input_: str, kind: str) -> None:
    """Parquet has NaN, infinity, unsigned and fractions in any column."""
    found = one(GOOD | change)

    assert found.rejected.select("input", "kind").rows() == [(input_, kind)]
    assert found.rows.is_empty()


def test_null_and_nan_are_each_told_as_what_they_are() -> None:
    """Both are missing, and neither is the other."""
    found = admit(pl.DataFrame([GOOD | {"weight": float("nan")}, GOOD | {"weight": None}, GOOD]), 0, door())

    assert found.rejected["reason"].to_list() == [
        "has NaN; the contract allows no missing values",
        "has null; the contract allows no missing values",
    ]


def test_missing_numbers_as_pandas_writes_them_are_missing() -> None:
    """A whole number that may be missing is a float with NaN there."""
    found = admit(pl.DataFrame([GOOD | {"seats": 3.0}, GOOD | {"seats": float("nan")}]), 0, door())

    assert found.rows["seats"].to_list() == [3, None]
    assert found.rejected.is_empty()


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (datetime(2024, 5, 1, 8), None),  # noqa: DTZ001 - naive means UTC
        (datetime(2024, 5, 1, 10, tzinfo=timezone(timedelta(hours=2))), None),
        (datetime(2024, 5, 1, 8, tzinfo=UTC), pl.Datetime("ns", "UTC")),
        ("2024-05-01T10:00:00+02:00", None),
        ("2024-05-01T08:00:00", pl.Categorical),
    ],
)
def test_times_of_every_make_are_the_same_moment(value: Any, kind: Any) -> None:
    """Naive means UTC, as everywhere."""
    batch = pl.DataFrame([GOOD | {"at": value}])
    found = admit(batch.with_columns(pl.col("at").cast(kind)) if kind else batch, 0, door())

    assert found.rows["at"].to_list() == [datetime(2024, 5, 1, 8)]  # noqa: DTZ001


def test_a_date_is_its_day_however_it_is_told() -> None:
    """Days before 1970 too."""
    days = [date(1969, 12, 31), date(2024, 5, 1)]
    plain = pl.DataFrame([GOOD, GOOD]).with_columns(day=pl.Series(days))
    noon = plain.with_columns(pl.col("day").cast(pl.Datetime("us")) + pl.duration(hours=12))

    assert admit(plain, 0, door()).rows["day"].to_list() == days
    assert admit(noon, 0, door()).rows["day"].to_list() == days


def test_what_is_scored_all_the_same_is_counted() -> None:
    """Clipped, flagged, unseen: as the server's counters have it."""
    found = admit(pl.DataFrame([GOOD | {"weight": 9.0, "age": 120}, GOOD | {"mood": "so so"}]), 0, door())

    told = {(notice.input, notice.kind, notice.level): notice.values for notice in found.notices}
    assert told == {("weight", "above", "clip"): 1, ("age", "above", "flag"): 1, ("mood", "unseen", "flag"): 1}
    assert found.rows["weight"].to_list() == [5.0, 2.0]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"rider": pl.Int64}, "no column 'at'; the contract requires it"),
        ({**SCHEMA, "distance": pl.String}, "column 'distance' is string and the contract says number"),
        ({**SCHEMA, "city": pl.List(pl.String)}, "column 'city' is list(string) and the contract says string"),
        ({**SCHEMA, "member": pl.Int8}, "column 'member' is int8 and the contract says boolean"),
        ({**SCHEMA, "at": pl.Int64}, "column 'at' is int64 and the contract says datetime"),
    ],
)
def test_a_file_that_cannot_be_such_rows_is_refused_as_a_whole(schema: dict[str, Any], expected: str) -> None:
    """Before anything is scored; a column of the wrong type is one mistake, not a million."""
    with pytest.raises(PermanentError) as caught:
        inputs_in(pl.Schema(schema), door())

    assert expected in caught.value.message


def test_other_columns_take_no_part() -> None:
    """A file often has its label, and more; optional inputs may be gone."""
    schema = pl.Schema({**SCHEMA, "late": pl.Boolean, "comment": pl.Binary})

    assert inputs_in(schema, door()) == tuple(SCHEMA)
    found = admit(pl.DataFrame([GOOD]).drop("member"), 0, door())
    assert found.rows["member"].to_list() == [None]
    assert np.isfinite(found.rows["distance"].to_numpy()).all()


def test_a_batch_of_nothing_but_bad_rows_is_empty(tmp_path: Path) -> None:
    """With every row listed once, by the first thing that is wrong."""
    bad = GOOD | {"distance": -1.0, "note": "ABC", "age": None}
    found = admit(pl.DataFrame([bad, bad]), 7, door())

    assert found.rejected.rows() == [
        (7, "note", "text", "has 'ABC'; expected the pattern [a-z]*"),
        (8, "note", "text", "has 'ABC'; expected the pattern [a-z]*"),
    ]
    assert found.rows.height == 0
