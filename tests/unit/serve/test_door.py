"""The door: inputs against the contract, and the frame that the features see."""

import json
from datetime import date, datetime
from typing import Any

import msgspec
import polars as pl
import pytest

from headgate.errors import PermanentError
from headgate.serve.door.admission import Door
from headgate.serve.protocols.v2 import decode
from headgate.serve.refusal import RefusalError
from headgate.specs.contract import Column, Contract
from headgate.specs.reading import parse
from headgate.specs.service import Service
from unit.serve.running import CONTRACT_YAML, SERVICE_YAML, changed, rides, tensor

SPEC = parse(SERVICE_YAML.format(task="binary", features="null"), Service, "service.yaml")
CONTRACT = parse(CONTRACT_YAML, Contract, "contract.yaml")
DOOR = Door(CONTRACT, SPEC)


def admit(request: dict[str, Any]) -> pl.DataFrame:
    return DOOR.frame(DOOR.admit(decode(json.dumps(request).encode())))


def without(request: dict[str, Any], name: str) -> dict[str, Any]:
    return {"inputs": [item for item in request["inputs"] if item["name"] != name]}


def with_more(request: dict[str, Any], *more: Any) -> dict[str, Any]:
    return {"inputs": [*request["inputs"], *more]}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (with_more(rides(), tensor("late", "BOOL", [True])), "input 'late' is the label"),
        (with_more(rides(), tensor("citty", "BYTES", ["x"])), "'citty' is unknown"),
        (with_more(rides(), tensor("../../etc", "BYTES", ["x"])), "'../../etc' is unknown"),
        (with_more(rides(), tensor("city", "BYTES", ["berne"])), "input 'city' is given twice"),
        (without(rides(), "seats"), "input 'seats' is missing"),
        (without(rides(), "rider"), "input 'rider' is missing"),
        (without(rides(), "at"), "input 'at' is missing"),
        ({"inputs": []}, "'rider' is missing"),
        (changed(rides(), "seats", datatype="FP64"), "input 'seats' has datatype 'FP64'; integer in"),
        (changed(rides(), "city", datatype="FP64", data=[1.0]), "input 'city' has datatype 'FP64'"),
        (changed(rides(), "distance", datatype="BYTES", data=["far"]), "input 'distance' has datatype 'BYTES'"),
        (changed(rides(), "city", data=["basel"]), "'basel', which is none of the contract's categories"),
        (changed(rides(), "seats", data=[9]), "input 'seats' has 9; expected at most 8"),
        (changed(rides(), "seats", data=[None]), "input 'seats' has null"),
        (changed(rides(), "at", data=["yesterday"]), "input 'at' has 'yesterday'"),
        (changed(rides(), "at", data=["2024-02-30T00:00:00"]), "input 'at'"),
        (changed(rides(), "at", data=["0001-01-01T00:00:00+10:00"]), "input 'at' has a time that does not exist"),
        (changed(rides(), "at", data=[None]), "input 'at' has null"),
        (changed(rides(2), "seats", data=[1], shape=[1]), "input 'seats' has 1 values"),
        ({"inputs": [{**item, "data": [], "shape": [0]} for item in rides()["inputs"]]}, "has no values"),
    ],
)  # fmt: skip
def test_what_breaks_the_contract_is_refused_by_name(request_: dict[str, Any], said: str) -> None:
    """Each refusal names the input and what was expected."""
    with pytest.raises(RefusalError) as refused:
        admit(request_)

    assert said in refused.value.message
    assert refused.value.status == 400


def test_an_event_time_that_may_be_null_by_contract_is_refused_all_the_same() -> None:
    """A row without event time is in no window."""
    loose = msgspec.structs.replace(CONTRACT, columns={**CONTRACT.columns, "at": Column(type="datetime", nulls=0.5)})

    with pytest.raises(RefusalError, match="input 'at' is null"):
        Door(loose, SPEC).admit(decode(json.dumps(changed(rides(), "at", data=[None])).encode()))


def test_a_contract_without_the_id_column_serves_nothing() -> None:
    """Answers without ids could never be joined."""
    columns = {name: column for name, column in CONTRACT.columns.items() if name != "rider"}

    with pytest.raises(PermanentError, match=r"service.yaml names 'rider' as id or time"):
        Door(msgspec.structs.replace(CONTRACT, columns=columns), SPEC)


def test_a_contract_whose_event_time_is_no_time_serves_nothing() -> None:
    """Windows need times."""
    columns = {**CONTRACT.columns, "at": Column(type="string", role="time")}

    with pytest.raises(PermanentError, match="event time 'at' is string"):
        Door(msgspec.structs.replace(CONTRACT, columns=columns), SPEC)


def test_features_see_every_input_in_its_type() -> None:
    """Absent optional inputs are null, times naive UTC, integers sent for a number are numbers."""
    request = changed(rides(2), "distance", datatype="INT64", data=[3, None])
    request = changed(request, "at", data=["2024-05-01T10:00:00+02:00", "2024-05-01"])

    frame = admit(request)

    assert frame.schema == {
        "rider": pl.Int64,
        "at": pl.Datetime("us"),
        "city": pl.String,
        "distance": pl.Float64,
        "seats": pl.Int64,
        "member": pl.Boolean,
    }
    assert frame["at"].to_list() == [datetime(2024, 5, 1, 8), datetime(2024, 5, 1)]  # noqa: DTZ001
    assert frame["distance"].to_list() == [3.0, None]
    assert frame["member"].to_list() == [None, None]


def test_dates_are_dates() -> None:
    """Before 1970 too."""
    contract = msgspec.structs.replace(CONTRACT, columns={**CONTRACT.columns, "born": Column(type="date")})
    door = Door(contract, SPEC)

    request = decode(json.dumps(with_more(rides(), tensor("born", "BYTES", ["1969-12-31"]))).encode())

    assert door.frame(door.admit(request))["born"].to_list() == [date(1969, 12, 31)]


def test_the_label_and_ignored_columns_are_no_inputs() -> None:
    """The metadata lists what a client sends."""
    columns = {**CONTRACT.columns, "note": Column(type="string", role="ignore")}

    datatypes = Door(msgspec.structs.replace(CONTRACT, columns=columns), SPEC).datatypes

    assert datatypes == {
        "rider": "INT64",
        "at": "BYTES",
        "city": "BYTES",
        "distance": "FP64",
        "seats": "INT64",
        "member": "BOOL",
    }
