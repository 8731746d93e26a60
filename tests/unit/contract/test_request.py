"""One request against the contract: the first problem, with its input and its reason."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.contract.request import Problem, check
from headgate.specs.contract import Column, Contract

NAN, INF = float("nan"), float("inf")
CONTRACT = Contract(
    columns={
        "distance": Column(type="integer", min=0, max=5000),
        "temp": Column(type="number", nulls=0.1, min=-20, max=110),
        "carrier": Column(type="string", categories=("AA", "UA")),
        "at": Column(type="datetime", role="time"),
        "tail": Column(type="string", role="ignore", required=False),
        "late": Column(type="boolean", role="label"),
    }
)
GOOD: dict[str, list[Any]] = {"distance": [100, 200], "temp": [39.02, None], "carrier": ["AA", "UA"]}


def problem(column: Column, *values: Any) -> Problem | None:
    return check({"x": list(values)}, Contract(columns={"x": column}))


def reason(column: Column, *values: Any) -> str:
    found = problem(column, *values)
    assert found is not None
    assert found.input == "x"
    return found.reason


def test_an_unknown_input_is_named_with_the_one_that_may_be_meant() -> None:
    """`carier` is a typing mistake."""
    found = check(GOOD | {"carier": ["AA", "AA"]}, CONTRACT)

    assert str(found) == "input 'carier' is unknown; the contract has none of that name. Did you mean 'carrier'?"


def test_a_hostile_name_is_cut_and_quoted() -> None:
    """Ten kilobytes of line breaks make no log."""
    found = check(GOOD | {"x\n" * 5000: [1, 2]}, CONTRACT)

    assert found is not None
    assert "\n" not in str(found)
    assert len(str(found)) < 200


def test_the_label_is_no_input() -> None:
    """Whoever knows the answer need not ask."""
    found = check(GOOD | {"late": [True, False]}, CONTRACT)

    assert found == Problem("late", "is the label, which a request never carries", "unknown")


def test_a_missing_input_is_named() -> None:
    """Every required feature."""
    found = check({"distance": [1], "temp": [1.0]}, CONTRACT)

    assert found == Problem("carrier", "is missing; the contract requires it", "missing")


def test_the_caller_may_say_what_is_needed() -> None:
    """A features function that reads the time needs it; a model without `temp` does not."""
    given = {"distance": [1], "carrier": ["AA"]}

    assert check(given, CONTRACT, needed=("distance",)) is None
    assert check(given, CONTRACT, needed=("at",)) == Problem("at", "is missing; the contract requires it", "missing")


def test_ragged_inputs_are_named_with_both_lengths() -> None:
    """Which of the two is wrong, only the caller knows."""
    found = check(GOOD | {"temp": [1.0]}, CONTRACT)

    assert found is not None
    assert found.input == "temp"
    assert "1 values" in found.reason
    assert "2" in found.reason


@pytest.mark.parametrize("columns", [{}, {"distance": [], "temp": [], "carrier": []}])
def test_a_request_without_rows_is_a_problem(columns: dict[str, list[Any]]) -> None:
    """An empty answer would look like an answer."""
    assert check(columns, CONTRACT) is not None


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        ("integer", "8"),
        ("integer", 1.5),
        ("integer", True),
        ("integer", [1]),
        ("number", "1.5"),
        ("number", False),
        ("number", {}),
        ("string", 1),
        ("string", ["a"]),
        ("boolean", 1),
        ("boolean", "true"),
        ("datetime", 1356998400),
        ("datetime", "soon"),
        ("date", "31.01.2013"),
    ],
)
def test_a_value_of_another_type_is_quoted(kind: Any, bad: Any) -> None:
    """Among good ones, wherever it stands."""
    good: dict[str, Any] = {
        "integer": 1,
        "number": 1.5,
        "string": "a",
        "boolean": True,
        "datetime": "2013-01-31T08:00:00",
        "date": "2013-01-31",
    }

    found = reason(Column(type=kind), good[kind], bad, good[kind])

    assert repr(bad) in found
    assert "expected" in found


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (Column(type="integer"), (1, 2.0, -(2**63))),
        (Column(type="number"), (1, 2.5, 1e300)),
        (Column(type="number", nulls=0.1), (None, NAN)),
        (Column(type="integer", nulls=0.1), (None, 1)),
        (Column(type="string", max_length=3, pattern="[A-Z]+"), ("EWR",)),
        (Column(type="datetime"), ("2013-01-31T08:00:00Z", "2013-01-31", datetime.min)),  # noqa: DTZ901 - a naive one
        (Column(type="number", min=0, max=1), (7.5,)),
        (Column(type="string", categories=("AA",)), ("XX",)),
    ],
)
def test_values_that_fit_are_no_problem(column: Column, values: tuple[Any, ...]) -> None:
    """A range that warns lets pass, and so does an unseen category."""
    assert problem(column, *values) is None


@pytest.mark.parametrize("value", [INF, -INF])
@pytest.mark.parametrize("nulls", [0.0, 0.5])
def test_infinite_values_are_never_let_in(value: float, nulls: float) -> None:
    """`1e400` in JSON is one."""
    assert reason(Column(type="number", nulls=nulls), 1.5, value) == "has an infinite value; expected finite numbers"


def test_nan_and_null_are_let_in_only_where_values_may_be_missing() -> None:
    """The contract's `nulls` says it."""
    assert "NaN" in reason(Column(type="number"), NAN)
    assert "null" in reason(Column(type="number"), None)


@pytest.mark.parametrize("bad", [2**63, -(2**63) - 1, 10**400])
@pytest.mark.parametrize("kind", ["integer", "number"])
def test_whole_numbers_beyond_64_bits_are_refused(kind: Any, bad: int) -> None:
    """No column can hold them."""
    assert "beyond 64 bits" in reason(Column(type=kind), bad)


def test_a_huge_whole_number_among_decimals_is_refused_too() -> None:
    """It cannot even be made a decimal."""
    assert "beyond 64 bits" in reason(Column(type="number"), 0.5, 10**400)
    assert "beyond 64 bits" in reason(Column(type="integer"), 2.0, 10**400)


@pytest.mark.parametrize("bad", [-1, 11, 10.5])
def test_a_range_that_refuses_names_the_value_and_the_bound(bad: float) -> None:
    """`range_severity: error`."""
    found = reason(Column(type="number", min=0, max=10, range_severity="error"), 5, bad, 5.0)

    assert found.startswith(f"has {bad!r}; expected at ")


def test_an_unseen_category_is_refused_where_the_contract_says_so() -> None:
    """With the one that may be meant."""
    found = reason(Column(type="string", categories=("EWR", "JFK"), unseen="error"), "EWR", "EWRR")

    assert found == "has 'EWRR', which is none of the contract's categories. Did you mean 'EWR'?"


def test_text_that_is_too_long_or_of_another_form_is_refused() -> None:
    """The whole text must match the pattern."""
    assert "5 characters; expected at most 3" in reason(Column(type="string", max_length=3), "abcde")
    assert "expected the pattern" in reason(Column(type="string", pattern="[A-Z]{3}"), "EWRX")


def test_a_good_request_has_no_problem() -> None:
    """Time, id and ignored columns may come along."""
    assert check(GOOD | {"at": ["2013-01-31", "2013-01-31"], "tail": ["N1", 5]}, CONTRACT) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=200, deadline=None)
@given(columns=st.dictionaries(st.sampled_from([*CONTRACT.columns, "other"]), st.lists(JSON, max_size=4), max_size=7))
def test_whatever_json_comes_in_a_problem_or_none_comes_out(columns: dict[str, list[Any]]) -> None:
    """Never an exception: one would be a 500 to the caller."""
    found = check(columns, CONTRACT)

    assert found is None or found.reason
