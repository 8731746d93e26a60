"""A first contract: what was seen is promised, and each rule says where it comes from."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.contract.infer import infer, is_pattern, origins, render
from headgate.contract.rules import check
from headgate.errors import PermanentError
from headgate.specs.contract import Column, Contract
from headgate.specs.reading import parse

LABELS = [n % 2 for n in range(1000)]


def frame(**columns: Any) -> pl.DataFrame:
    """Return a thousand rows with a label."""
    return pl.DataFrame({"late": LABELS, **columns})


def inferred(**columns: Any) -> Contract:
    return infer(frame(**columns), "late")


def test_no_rows_teach_nothing() -> None:
    """A contract of an empty table would promise nothing."""
    with pytest.raises(PermanentError, match="no rows"):
        infer(frame().clear(), "late")


@pytest.mark.parametrize(
    ("label", "time", "ids", "column"),
    [("lat", None, (), "lat"), ("late", "att", (), "att"), ("late", None, ("i",), "i")],
)
def test_a_column_that_is_not_there_is_named(label: str, time: str | None, ids: tuple[str, ...], column: str) -> None:
    """Before anything is looked at."""
    with pytest.raises(PermanentError, match=f"no column '{column}'"):
        infer(frame(), label, time, ids)


def test_a_label_that_is_a_list_is_refused() -> None:
    """A label is a number, a word or a yes/no."""
    with pytest.raises(PermanentError, match="label 'late' is list"):
        infer(pl.DataFrame({"late": [[1], [2]]}), "late")


def test_ranges_are_as_seen_and_only_warn() -> None:
    """Next season may be hotter."""
    temp = inferred(temp=[n / 10 for n in range(1000)]).columns["temp"]

    assert (temp.type, temp.min, temp.max, temp.range_severity) == ("number", 0.0, 99.9, "warning")


def test_a_label_of_classes_admits_no_other_class() -> None:
    """Another number, or another word, is another class."""
    words = infer(pl.DataFrame({"kind": ["a", "b"] * 50, "x": range(100)}), "kind").columns["kind"]
    numbers = inferred().columns["late"]

    assert (words.role, words.categories, words.unseen) == ("label", ("a", "b"), "error")
    assert (numbers.role, numbers.min, numbers.max, numbers.range_severity) == ("label", 0, 1, "error")


def test_a_label_that_is_a_number_may_go_beyond_what_was_seen() -> None:
    """A dearer house is no other class."""
    assert infer(pl.DataFrame({"price": range(1000)}), "price").columns["price"].range_severity == "warning"


def test_few_words_are_categories_and_many_are_ignored() -> None:
    """Names say nothing about the next row."""
    columns = inferred(
        carrier=["AA", "DL", "UA", None] * 250, name=[f"N{n}" for n in range(500)] * 2, rare=["x"] * 990 + ["y"] * 10
    ).columns

    assert columns["carrier"].categories == ("AA", "DL", "UA")
    assert columns["rare"].categories == ("x", "y")
    assert (columns["name"].role, columns["name"].categories) == ("ignore", None)


@pytest.mark.parametrize("values", [[7] * 1000, ["x"] * 1000, [None] * 1000, [True, None] * 500])
def test_a_column_of_one_value_is_ignored(values: list[Any]) -> None:
    """It tells no row from another."""
    assert inferred(x=values).columns["x"].role == "ignore"


def test_a_list_has_no_place_in_a_contract() -> None:
    """There is no word for its type; extra columns are allowed."""
    assert "x" not in inferred(x=[[1]] * 1000).columns


def test_where_nothing_was_missing_one_percent_is_slack() -> None:
    """A few rows tell less: more slack."""
    assert inferred(x=[n % 7 for n in range(1000)]).columns["x"].nulls == 0.01
    assert infer(pl.DataFrame({"y": [0, 1] * 50, "x": [1.5, 2] * 50}), "y").columns["x"].nulls == 0.05


def test_null_shares_are_looked_at_in_tenths_of_the_rows() -> None:
    """What a station missed in its first month may fill a whole part."""
    scattered = inferred(x=[None if n % 20 == 0 else 1.5 + n for n in range(1000)]).columns["x"]
    bunched = inferred(x=[None if n < 50 else 1.5 + n for n in range(1000)]).columns["x"]

    assert 0.1 <= scattered.nulls < 0.2
    assert 0.7 <= bunched.nulls < 1


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_handful_of_rows_is_enough_for_a_contract(rows: int) -> None:
    """Fewer than ten have no tenths."""
    assert infer(frame(x=[1.5] * 1000)[:rows], "late").columns["late"].role == "label"


def test_tenths_follow_the_time_where_there_is_one() -> None:
    """The order of a file is no order of the world."""
    start = datetime(2013, 1, 1, tzinfo=UTC)
    times = [start + timedelta(hours=(n * 7) % 1000) for n in range(1000)]
    rows = frame(at=times, x=[None if t < start + timedelta(hours=50) else 1.5 for t in times])

    assert infer(rows, "late", "at").columns["x"].nulls == infer(rows.sort("at"), "late").columns["x"].nulls


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("order_id", [n * 37 % 1000 for n in range(1000)]),
        ("PassengerId", [n * 37 % 1000 for n in range(1000)]),
        ("uuid", [f"u{n * 37 % 1000}" for n in range(1000)]),
        ("position", list(range(1, 1001))),
    ],
)
def test_a_column_that_names_the_rows_is_the_id(name: str, values: list[Any]) -> None:
    """Unique, and called or counted like one."""
    column = inferred(**{name: values}).columns[name]

    assert (column.role, column.unique, column.nulls) == ("id", True, 0.0)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("order_id", [n // 2 for n in range(1000)]),
        ("salary", [n * 37 % 1000 for n in range(1000)]),
        ("ratio_id", [n / 7 for n in range(1000)]),
    ],
)
def test_numbers_that_only_happen_to_be_unique_stay_features(name: str, values: list[Any]) -> None:
    """A salary is no id, nor is an id that repeats."""
    assert inferred(**{name: values}).columns[name].role == "feature"


def test_given_ids_are_unique_together_only_if_they_were() -> None:
    """A promise that the rows at hand break is not written."""
    rows = frame(a=[n // 10 for n in range(1000)], b=[n % 10 for n in range(1000)], c=[0, 1] * 500)

    assert infer(rows, "late", ids=("a", "b")).unique == (("a", "b"),)
    assert infer(rows, "late", ids=("a", "c")).unique == ()
    assert infer(rows, "late", ids=("a",)).columns["a"].unique is False


@pytest.mark.parametrize("name", ["*", "^.*$"])
def test_a_name_that_means_other_columns_is_refused(name: str) -> None:
    """What is asked of it would be asked of all."""
    with pytest.raises(PermanentError, match="as a pattern of names"):
        infer(frame(**{name: [1, 2] * 500}), "late")


def test_every_rule_is_commented_with_where_it_comes_from() -> None:
    """A person sees what is a fact and what is slack."""
    rows = frame(temp=[n / 10 for n in range(1000)], carrier=["AA", "UA"] * 500, tail=[f"N{n}" for n in range(1000)])
    contract = infer(rows, "late")

    text = render(contract, origins(rows, contract), "flights.csv")

    assert "min: 0.0      # seen in 1,000 rows: 0.0 .. 99.9; outside only warns" in text
    assert "categories: [AA, UA]  # all 2 values seen in 1,000 rows" in text
    assert "none empty in 1,000 rows; 1 in 100 is slack" in text
    assert "no feature: 1,000 distinct texts in 1,000 rows: names, not categories" in text
    assert text.startswith("# What flights.csv must look like")


NAMES = st.text(min_size=1, max_size=8).filter(lambda text: text != "late" and not is_pattern(text))
COLUMNS = st.one_of(
    st.lists(st.none() | st.floats(width=32), min_size=40, max_size=40),
    st.lists(st.none() | st.integers(-(2**60), 2**60), min_size=40, max_size=40),
    st.lists(
        st.none() | st.sampled_from(["no", "1", "", "a\nb", "é#: ", "'", "null", "1e3", "0x1", "\x00", "\u2028"]),
        min_size=40,
        max_size=40,
    ),
    st.lists(st.none() | st.text(max_size=6), min_size=40, max_size=40),
    st.lists(st.none() | st.booleans(), min_size=40, max_size=40),
    st.lists(st.none() | st.dates(), min_size=40, max_size=40),
)


@settings(max_examples=80, deadline=None)
@given(columns=st.dictionaries(NAMES, COLUMNS, max_size=5))
def test_any_table_keeps_its_own_contract_which_can_be_written_and_read(columns: dict[str, list[Any]]) -> None:
    """Infinity aside, which no contract allows: what was inferred holds, and YAML gives it back unchanged."""
    rows = pl.DataFrame({"late": [0, 1] * 20, **columns}, strict=False)
    contract = infer(rows, "late")

    text = render(contract, origins(rows, contract))
    found = check(rows, contract, "train")

    assert parse(text, Contract, "contract.yaml") == contract
    assert [c for c in found if c.outcome == "fail" and not c.name.startswith("infinite")] == []


@settings(max_examples=60, deadline=None)
@given(words=st.lists(st.text(max_size=12), min_size=1, max_size=60, unique=True))
def test_any_categories_survive_being_written_on_many_lines(words: list[str]) -> None:
    """However long the list, whatever the words."""
    contract = Contract(columns={"x": Column(type="string", categories=tuple(words))})

    assert parse(render(contract, {}), Contract, "contract.yaml") == contract
