"""Requests that are answered although a value is not as promised: refused, clipped or named, as the contract says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.contract.request import check
from headgate.contract.watch import Notice, Watch
from headgate.specs.contract import Column, Contract

NAN = float("nan")


def contract(**column: Any) -> Contract:
    return Contract(columns={"x": Column(**{"type": "number", "nulls": 1.0, "min": 2, "max": 9, **column})})


@pytest.mark.parametrize("values", [[1], [10.0], [3, None, NAN, -5]])
def test_a_value_outside_is_refused_where_the_contract_says_so(values: list[Any]) -> None:
    """By its own word, whatever the severity in training; and by the severity where it says nothing."""
    for refusing in (contract(outside="reject"), contract(range_severity="error")):
        problem = check({"x": values}, refusing)
        assert problem is not None
        assert problem.kind in {"below", "above"}
        assert Watch(refusing).look({"x": values}) == []


@pytest.mark.parametrize(
    ("column", "values", "found", "left"),
    [
        ({}, [1, 5, 10, 11], [("below", 1), ("above", 2)], [1, 5, 10, 11]),
        ({"outside": "flag", "range_severity": "error"}, [1], [("below", 1)], [1]),
        ({"outside": "clip"}, [1, None, 5.5, 10], [("below", 1), ("above", 1)], [2.0, None, 5.5, 9.0]),
        ({"outside": "clip", "type": "integer", "max": 9.5}, [1, 12], [("below", 1), ("above", 1)], [2, 9]),
        ({"outside": "clip", "max": None}, [1, 1e300], [("below", 1)], [2.0, 1e300]),
        ({"outside": "clip"}, [1.0] + [5.0] * 40 + [None], [("below", 1)], [2.0] + [5.0] * 40 + [None]),
    ],
)
def test_a_value_outside_is_named_and_clipped_where_the_contract_says_so(
    column: dict[str, Any], values: list[Any], found: list[tuple[str, int]], left: list[Any]
) -> None:
    """Nothing is refused; an integer stays one; null stays null."""
    promised = contract(**column)
    columns: dict[str, Any] = {"x": values}

    notices = Watch(promised).look(columns)

    assert check({"x": values}, promised) is None
    assert [(one.kind, one.values) for one in notices] == found
    assert columns["x"] == left
    assert list(map(type, columns["x"])) == list(map(type, left))


@pytest.mark.parametrize("values", [[2, 9], [None], [NAN], [NAN] * 40, [None] * 40, []])
def test_what_is_inside_or_missing_is_nothing_to_name(values: list[Any]) -> None:
    """The bounds themselves are inside."""
    columns: dict[str, Any] = {"x": values}

    assert Watch(contract(outside="clip")).look(columns) == []
    assert columns["x"] is values


def test_an_unseen_word_is_named_where_it_is_not_refused() -> None:
    """The model is given "unknown"; null is no word."""
    known = Contract(columns={"x": Column(type="string", categories=("AA", "UA"), nulls=1.0)})

    found = Watch(known).look({"x": ["AA", "XX", None, "YY"]})

    assert found == [Notice("x", "unseen", "flag", 2)]
    assert Watch(known).look({"x": ["UA", None]}) == []


def test_what_is_no_feature_is_not_looked_at() -> None:
    """Nor is an input that a request leaves out."""
    loose = Contract(columns={"x": Column(type="number", min=0, role="ignore"), "y": Column(type="number", min=0)})

    assert Watch(loose).look({"x": [-1]}) == []


@given(st.lists(st.none() | st.floats(allow_infinity=False), max_size=60))
def test_after_clipping_there_is_nothing_left_to_name(values: list[float | None]) -> None:
    """And what was inside is as it was."""
    columns: dict[str, Any] = {"x": values}
    watch = Watch(contract(outside="clip"))

    watch.look(columns)

    assert watch.look(dict(columns)) == []
    inside = [(old, new) for old, new in zip(values, columns["x"], strict=True) if old is None or 2 <= old <= 9]
    assert all(old is new for old, new in inside)
