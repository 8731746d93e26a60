"""Groups of rows: named by their values, the largest first, at most fifty, always in the same order."""

import numpy as np
import polars as pl
import pytest

from headgate.errors import PermanentError
from headgate.evaluate.frame import Predictions, read
from headgate.evaluate.slices import MOST, as_text, groups, measure_slices
from unit.evaluate.worlds import binary_world, days_of, frame_of
from unit.gate.evidence import service


def sliced(rows: int = 600, **columns: list[str | None]) -> Predictions:
    frame = binary_world(np.random.default_rng(5), rows=rows)
    return read(frame.with_columns(pl.Series(f"slice.{name}", values) for name, values in columns.items()), service())


def repeated(values: list[str], rows: int = 600) -> list[str | None]:
    return [values[n % len(values)] for n in range(rows)]


def test_an_unknown_slice_column_is_refused() -> None:
    """Named, with those there are."""
    with pytest.raises(PermanentError, match="no slice column 'hour'") as caught:
        groups(sliced(origin=repeated(["EWR"])), ("hour",))

    assert caught.value.found == "origin"


def test_groups_are_named_by_their_values_and_the_largest_comes_first() -> None:
    """Then by name, so that the order is always the same."""
    found = groups(sliced(origin=repeated(["LGA", "EWR", "JFK", "JFK"])), ("origin",))

    assert [group.name for group in found] == ["origin=JFK", "origin=EWR", "origin=LGA"]
    assert [int(group.rows.sum()) for group in found] == [300, 150, 150]


def test_two_columns_are_crossed() -> None:
    """`origin*hour` makes a group of each pair that occurs."""
    columns = {"origin": repeated(["EWR", "JFK"]), "hour": repeated(["6", "7", "8"])}

    found = groups(sliced(**columns), ("origin", "origin*hour"))

    assert "origin=EWR, hour=7" in [group.name for group in found]
    assert len(found) == 2 + 6


def test_at_most_fifty_groups_are_kept_the_largest_ones() -> None:
    """A column of many values does not flood the evidence."""
    many: list[str | None] = [f"d{n % 10}" if n < 300 else f"rare{n}" for n in range(600)]

    found = groups(sliced(dest=many, side=repeated(["a", "b"])), ("dest", "dest*side"))

    assert len(found) == MOST
    assert found == sorted(found, key=lambda group: (-int(group.rows.sum()), group.name))
    assert {group.name for group in found[:20]} >= {f"dest=d{n}" for n in range(10)}


def test_rows_without_a_label_belong_to_no_group() -> None:
    """A slice counts the rows it is measured on."""
    frame = frame_of(np.array([1.0, 0.0, np.nan, 1.0]), days_of(4, 2), {"candidate": 0.5}, origin=["a", "a", "a", "b"])

    found = groups(read(frame, service()), ("origin",))

    assert [(group.name, int(group.rows.sum())) for group in found] == [("origin=a", 2), ("origin=b", 1)]


def test_missing_values_are_a_group() -> None:
    """A model may fail just where a value is missing."""
    found = groups(sliced(origin=[None, "EWR"] * 300), ("origin",))

    assert {group.name for group in found} == {"origin=null", "origin=EWR"}


def test_a_number_of_many_values_is_cut_at_its_quartiles() -> None:
    """Quarters named by their bounds, a null apart."""
    values = pl.Series([None, *(float(n) for n in range(1, 101))])

    found = as_text(values)

    assert sorted(found.unique().to_list()) == ["26 to 51", "51 to 75", "< 26", ">= 75", "null"]
    assert found[1] == "< 26"
    assert found[100] == ">= 75"


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([1, 2, 3]),
        pl.Series(["1", "2", "3"]),
        pl.Series([True, False, None]),
        pl.Series([1.5, None, float("nan")]),
    ],
    ids=["integers", "text", "booleans", "few numbers"],
)
def test_few_values_keep_their_names(column: pl.Series) -> None:
    """Nothing is cut where values can be listed."""
    found = as_text(column)

    assert found.null_count() == 0
    assert found.n_unique() == column.fill_nan(None).n_unique() if column.dtype.is_float() else column.n_unique()


@pytest.mark.parametrize("values", [[7.0] * 50, [float(n // 49) for n in range(50)], [None] * 50])
def test_constant_and_empty_numbers_raise_nothing(values: list[float | None]) -> None:
    """A defined result for columns without quartiles."""
    assert as_text(pl.Series(values, dtype=pl.Float64)).null_count() == 0


def test_a_slice_is_measured_on_its_own_rows() -> None:
    """Where the champion is blind the candidate gains, elsewhere not."""
    frame = binary_world(np.random.default_rng(6), rows=2000, clustered=False)
    half = [("a" if n % 2 else "b") for n in range(2000)]
    frame = frame.with_columns(pl.Series("slice.side", half)).with_columns(
        champion=pl.when(pl.col("slice.side") == "a").then(0.5).otherwise("candidate")
    )

    found = {one.name: one for one in measure_slices(read(frame, service()), ("side",), ("auc",))}

    gained, equal = found["side=a"].delta, found["side=b"].delta
    assert gained is not None
    assert equal is not None
    assert gained.value > 0.1
    assert (equal.value, equal.standard_error) == (0.0, 0.0)
    assert found["side=a"].champion == 0.5
    assert (found["side=a"].rows, found["side=a"].clusters) == (1000, 30)


def test_a_slice_of_one_class_has_no_delta_and_says_why() -> None:
    """Listed, not judged."""
    frame = frame_of(
        np.array([1.0, 1.0, 0.0, 1.0]), days_of(4, 2), {"candidate": 0.5, "champion": 0.4}, origin=["a", "a", "b", "b"]
    )

    found = measure_slices(read(frame, service()), ("origin",), ("auc",))

    assert {one.delta for one in found} == {None}
    assert "2 positive and 0 negative rows" in str(found[0].reason)
