"""Rows that break their contract are named, with what was found and what was expected."""

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.contract.diff import schema_diff
from headgate.contract.rules import check
from headgate.records.dataset import Check
from headgate.specs.contract import Column, Contract

NAN, INF = float("nan"), float("inf")
NUMBER = Column(type="number")
LABEL = Column(type="boolean", role="label")
CARRIERS = ("AA", "DL", "UA")


def broken(rows: pl.DataFrame, part: str = "train", **columns: Column) -> list[Check]:
    """Return the checks that did not pass."""
    return [found for found in check(rows, Contract(columns=columns), part) if found.outcome != "pass"]


def only(rows: pl.DataFrame, part: str = "train", **columns: Column) -> Check:
    """Return the single check that did not pass."""
    (found,) = broken(rows, part, **columns)
    return found


def frame(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame(columns)


def test_no_rows_fail_as_empty_and_nothing_is_counted() -> None:
    """An empty frame keeps every share; it must not pass for that."""
    found = only(frame(x=[1.0]).clear(), x=NUMBER)

    assert (found.name, found.outcome, found.detail) == ("rows train", "fail", "empty: no rows")


def test_a_missing_column_is_named_with_the_one_that_may_be_meant() -> None:
    """`dep_hour` was renamed."""
    found = only(frame(hour=[1], minute=[2]), dep_hour=Column(type="integer"))

    assert found.outcome == "fail"
    assert found.detail == "column 'dep_hour' is missing; found: hour, minute. Did you mean 'hour'?"


def test_an_optional_column_may_be_missing() -> None:
    """`required: false` is the owner's word."""
    assert broken(frame(x=[1.0]), x=NUMBER, y=Column(type="number", required=False)) == []


def test_a_retyped_column_is_named_with_a_value_and_not_counted() -> None:
    """No statistic is made of text where numbers were promised."""
    found = only(frame(dep_hour=["8", "9"]), dep_hour=Column(type="integer", min=0, max=23))

    assert (found.name, found.outcome) == ("type train", "fail")
    assert found.detail == "dep_hour is text, expected whole numbers; first: '8'"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.5], Column(type="integer")),
        ([NAN, 1.5], Column(type="integer")),
        ([1], Column(type="string")),
        (["x"], NUMBER),
        ([1], Column(type="boolean")),
        ([True], NUMBER),
        (["2013-01-01"], Column(type="datetime")),
        ([[1]], NUMBER),
        ([datetime(2013, 1, 1, tzinfo=UTC)], Column(type="date")),
    ],
)
def test_types_that_do_not_fit_are_found(values: list[Any], expected: Column) -> None:
    """Each of them once."""
    assert only(frame(x=values), x=expected).name == "type train"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1], Column(type="integer")),
        ([1.0, 2.0], Column(type="integer")),
        (["a"], Column(type="string")),
        ([datetime(2013, 1, 1, tzinfo=UTC)], Column(type="datetime")),
        (pl.Series([datetime(2013, 1, 1, tzinfo=UTC).date()]), Column(type="datetime")),
        (pl.Series(["a"], dtype=pl.Categorical), Column(type="string", categories=("a",))),
        (pl.Series([1], dtype=pl.UInt8), Column(type="integer", min=0, max=2)),
    ],
)
def test_types_that_fit_pass(values: Any, expected: Column) -> None:
    """Whole numbers stored as floats are whole numbers; a date is a time."""
    assert broken(frame(x=values), x=expected) == []


def test_decimals_that_were_cut_off_are_suspected() -> None:
    """39.02 became 39: a narrower type is a warning, for small parts may be whole by chance."""
    found = only(frame(temp=[39, 40]), temp=NUMBER)

    assert (found.name, found.outcome) == ("type train", "warn")


def test_schema_comes_before_statistics() -> None:
    """A person reads the cause first."""
    rows = frame(a=[None, 1.0], b=["x", "y"])

    found = broken(rows, a=NUMBER, b=NUMBER, c=NUMBER)

    assert [check.name for check in found] == ["missing train", "type train", "nulls train"]


@pytest.mark.parametrize(("extra", "outcome"), [("warning", "warn"), ("error", "fail")])
def test_added_columns_are_said_where_the_contract_asks(extra: Any, outcome: str) -> None:
    """By default they are nobody's business."""
    contract = Contract(columns={"a": NUMBER}, extra_columns=extra)

    (found,) = schema_diff(frame(a=[1.5], b=[1]), contract)

    assert (found.outcome, found.detail) == (outcome, "column 'b' (integer) is not in the contract")


def test_sixty_percent_of_nulls_are_counted() -> None:
    """The poisoned weather column."""
    found = only(frame(temp=[None] * 60 + [1.5] * 40), temp=Column(type="number", nulls=0.05))

    assert (found.name, found.outcome, found.rows) == ("nulls train", "fail", 60)
    assert found.detail == "60 of 100 rows (60 %) are empty; at most 5 %"


def test_nan_counts_as_empty() -> None:
    """Half NaN is not half a column of numbers."""
    assert only(frame(x=[NAN, 1.5]), x=Column(type="number", nulls=0.4)).rows == 1


def test_the_allowed_share_of_nulls_passes() -> None:
    """At most means at most."""
    assert broken(frame(x=[None, 1.5]), x=Column(type="number", nulls=0.5)) == []


@pytest.mark.parametrize("values", [[None, None], [NAN, NAN], pl.Series([None, None], dtype=pl.Float64)])
def test_a_column_with_nothing_in_it_fails(values: Any) -> None:
    """Even where 99 % may be empty."""
    assert only(frame(x=values), x=Column(type="number", nulls=0.99)).outcome == "fail"


def test_a_column_that_may_be_wholly_empty_only_warns() -> None:
    """`nulls: 1` is the owner's word; it is said all the same."""
    assert only(frame(x=[None, None]), x=Column(type="number", nulls=1.0)).outcome == "warn"


def test_infinite_values_always_fail() -> None:
    """No contract allows them."""
    found = only(frame(x=[INF, -INF, 1.5]), x=NUMBER)

    assert (found.name, found.rows) == ("infinite train", 2)


@pytest.mark.parametrize(("severity", "outcome"), [("warning", "warn"), ("error", "fail")])
def test_values_outside_the_range_are_counted_with_what_was_seen(severity: Any, outcome: str) -> None:
    """NaN and infinity are no values, and have checks of their own."""
    column = Column(type="number", min=0.0, max=10.0, nulls=0.5, range_severity=severity)

    found = only(frame(x=[-1.0, 0.0, 10.0, 11.5, NAN]), x=column)

    assert (found.outcome, found.rows) == (outcome, 2)
    assert found.detail == "2 of 5 rows (40 %) are outside 0.0 .. 10.0; seen -1.0 .. 11.5"


def test_a_few_unseen_categories_are_named_and_warn() -> None:
    """A new airline is news, not a fault."""
    found = only(frame(c=["AA"] * 98 + ["XX", "YY"]), c=Column(type="string", categories=CARRIERS))

    assert found.outcome == "warn"
    assert "unseen 'XX' (1), 'YY' (1)" in found.detail or "unseen 'YY' (1), 'XX' (1)" in found.detail


def test_unseen_categories_fail_where_the_contract_says_so() -> None:
    """`unseen: error`."""
    column = Column(type="string", categories=CARRIERS, unseen="error")

    assert only(frame(c=["AA"] * 99 + ["XX"]), c=column).outcome == "fail"


def test_unseen_categories_within_their_share_pass() -> None:
    """`unseen_share: 0.02`."""
    column = Column(type="string", categories=CARRIERS, unseen="error", unseen_share=0.02)

    assert broken(frame(c=["AA"] * 99 + ["XX"]), c=column) == []


def test_a_truncated_column_fails_whatever_unseen_says() -> None:
    """'U' is no new airline."""
    found = only(frame(c=["U"] * 50 + ["A"] * 30 + ["D"] * 20), c=Column(type="string", categories=CARRIERS))

    assert found.outcome == "fail"
    assert "cut-off values: 'U' (50)" in found.detail
    assert "'U' is the start of 'UA'" in found.detail


def test_a_column_in_other_words_fails_whatever_unseen_says() -> None:
    """Names instead of codes: another column came in."""
    found = only(frame(c=["United"] * 60 + ["AA"] * 40), c=Column(type="string", categories=CARRIERS))

    assert found.outcome == "fail"


def test_empty_values_are_no_unseen_categories() -> None:
    """They have a rule of their own."""
    assert broken(frame(c=["AA", None]), c=Column(type="string", categories=CARRIERS, nulls=0.5)) == []


@pytest.mark.parametrize("part", ["train", "gate"])
def test_a_label_of_one_class_only_fails(part: str) -> None:
    """Nothing is learned, nothing is judged."""
    found = only(frame(late=[True, True, None]), part, late=Column(type="boolean", role="label", nulls=0.5))

    assert (found.name, found.outcome) == (f"label {part}", "fail")
    assert found.detail == "one class only: every label is True"


def test_a_label_of_one_class_among_few_tune_rows_only_warns() -> None:
    """Tuning is poorer for it, no more."""
    assert only(frame(late=[True, True]), "tune", late=LABEL).outcome == "warn"


def test_a_label_that_is_missing_fails() -> None:
    """Like every required column."""
    assert only(frame(x=[1.5]), x=NUMBER, late=LABEL).detail.startswith("column 'late' is missing")


def test_duplicate_ids_are_counted() -> None:
    """Three rows with one id are two too many."""
    found = only(frame(id=[1, 1, 1, 2]), id=Column(type="integer", unique=True, role="id"))

    assert (found.name, found.outcome, found.rows) == ("unique train", "fail", 2)


def test_duplicate_groups_are_counted() -> None:
    """A flight number is unique on its day."""
    contract = Contract(columns={"f": Column(type="integer"), "d": Column(type="integer")}, unique=(("f", "d"),))

    found = [c for c in check(frame(f=[1, 1, 1], d=[1, 2, 2]), contract, "train") if c.outcome != "pass"]

    assert [(c.column, c.rows, c.outcome) for c in found] == [("f, d", 1, "fail")]


@pytest.mark.parametrize(
    ("column", "name"),
    [(Column(type="string", pattern="[A-Z]{3}"), "pattern"), (Column(type="string", max_length=3), "length")],
)
def test_texts_that_break_their_form_are_counted(column: Column, name: str) -> None:
    """The whole value must match, not its start."""
    found = only(frame(x=["EWR", "EWRX"]), x=column)

    assert (found.name, found.outcome, found.rows) == (f"{name} train", "fail", 1)


def test_ignored_columns_are_not_judged() -> None:
    """A column that no model reads breaks no run."""
    ignored = Column(type="number", role="ignore")

    assert broken(frame(x=["text", None]), x=ignored)[0].outcome == "warn"
    assert [c.outcome for c in broken(frame(z=[1]), x=ignored)] == ["warn"]


@settings(max_examples=80, deadline=None)
@given(
    values=st.lists(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)), min_size=1, max_size=30),
    low=st.floats(-100, 100),
    width=st.floats(0, 100),
)
def test_counts_equal_what_plain_python_counts(values: list[float | None], low: float, width: float) -> None:
    """The one pass over the rows counts what one would count by hand."""
    column = Column(type="number", min=low, max=low + width, nulls=0.0)

    found = {
        c.name: c.rows
        for c in check(frame(x=pl.Series(values, dtype=pl.Float64)), Contract(columns={"x": column}), "p")
    }

    numbers = [v for v in values if v is not None and v == v]  # noqa: PLR0124 - NaN alone differs from itself
    finite = [v for v in numbers if abs(v) != INF]
    assert found["nulls p"] == len(values) - len(numbers)
    assert found["infinite p"] == len(numbers) - len(finite)
    assert found["range p"] == sum(v < low or v > low + width for v in finite)
