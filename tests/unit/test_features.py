"""Features, labels, clusters and ids of rows."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate import features
from headgate.errors import PermanentError
from headgate.specs.service import Data, Label, Service

TIMES = pl.Series("at", ["2013-01-01T23:00", "2013-01-02T01:00", "2013-01-02T05:00"]).str.to_datetime()


def service(task: str = "binary", positive: Any = None, **data: Any) -> Service:
    return Service(
        service="flights",
        task=task,  # type: ignore[arg-type]
        data=Data(reader="rows.csv", label=Label(column="late", positive=positive), **data),
    )


def rows(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame({"late": [0, 1, None], **columns})


def refused(call: Any, *arguments: Any) -> str:
    with pytest.raises(PermanentError) as caught:
        call(*arguments)
    return "\n".join(caught.value.lines())


def test_a_label_column_that_is_not_there_is_named_with_the_one_that_may_be_meant() -> None:
    """A typo costs one reading of the message."""
    said = refused(features.classes, pl.DataFrame({"latee": [0, 1]}), service())

    assert "no label column 'late'. Did you mean 'latee'?" in said


@pytest.mark.parametrize(
    ("values", "task", "expected"),
    [
        ([1, 1, None], "binary", "one class only, '1', in 3 rows"),
        ([None, None, None], "binary", "no value at all"),
        ([0, 1, 2], "binary", "has 3 values and the task is binary"),
        ([float("nan")] * 3, "multiclass", "no value at all"),
        ([datetime.fromisoformat("2013-01-01T00:00")] * 3, "binary", "a class is a word or a number"),
    ],
)
def test_labels_that_make_no_classes_are_refused(values: list[Any], task: str, expected: str) -> None:
    """One class, none, or too many: no model can be made, and the message says which it is."""
    said = refused(features.classes, pl.DataFrame({"late": values}), service(task))

    assert expected in said


def test_a_number_taken_for_a_class_is_refused() -> None:
    """A multiclass label with a value per row is a regression label, or an id."""
    said = refused(features.classes, pl.DataFrame({"late": range(1000)}), service("multiclass"))

    assert "1,000 values" in said
    assert "task: regression" in said


@pytest.mark.parametrize(
    ("values", "positive", "expected"),
    [
        ([0, 1], None, ("0", "1")),
        ([False, True], None, ("false", "true")),
        ([1.0, 0.0, None, float("nan")], None, ("0", "1")),
        (["no", "yes"], None, ("no", "yes")),
        (["no", "yes"], "no", ("yes", "no")),
        ([9, 10], None, ("9", "10")),
        ([0, 1], True, ("0", "1")),
        ([0, 1], 0, ("1", "0")),
    ],
)
def test_the_positive_class_is_the_declared_or_the_larger_one(
    values: list[Any], positive: Any, expected: tuple[str, str]
) -> None:
    """Binary classes are (negative, positive), whatever type the label has."""
    found = features.classes(pl.DataFrame({"late": values}, strict=False), service(positive=positive))

    assert expected == found


def test_a_positive_value_that_no_row_has_is_refused() -> None:
    """The values there are, and the one that may be meant, are named."""
    said = refused(features.classes, pl.DataFrame({"late": ["yes", "no"]}), service(positive="yess"))

    assert "Did you mean 'yes'?" in said


def test_classes_of_numbers_are_in_numeric_order() -> None:
    """2 comes before 10, and a float column names the same classes as an integer one."""
    found = features.classes(pl.DataFrame({"late": [10.0, 2.0, 1.5]}), service("multiclass"))

    assert found == ("1.5", "2", "10")


def test_a_missing_label_is_nan_and_keeps_its_row() -> None:
    """Rows whose label never came are counted by the gate, so they keep their place."""
    found = features.labels(rows(), service(), ("0", "1"))

    np.testing.assert_array_equal([0.0, 1.0, np.nan], found)


def test_a_class_that_training_never_saw_is_refused() -> None:
    """Silently calling it missing would hide a real change."""
    said = refused(features.labels, pl.DataFrame({"late": ["a", "z", "z"]}), service("multiclass"), ("a", "b"))

    assert "'z' in 2 rows, a class that no training row has" in said


def test_a_rare_class_that_training_never_saw_counts_as_missing() -> None:
    """No model could be right about it; the gate's worst case takes its rows in."""
    frame = pl.DataFrame({"late": ["a"] * 98 + ["z", "b"]})

    found = features.labels(frame, service("multiclass"), ("a", "b"))

    assert np.flatnonzero(np.isnan(found)).tolist() == [98]


@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1).filter(lambda texts: len({*texts} - {None}) > 1))
def test_labels_are_the_places_of_their_classes(texts: list[str | None]) -> None:
    """Codes and classes are two spellings of one column."""
    frame, spec = pl.DataFrame({"late": texts}, schema={"late": pl.String}), service("multiclass")
    classes = features.classes(frame, spec)

    codes = features.labels(frame, spec, classes)

    assert texts == [None if np.isnan(code) else classes[int(code)] for code in codes]


def test_regression_labels_are_numbers_or_missing() -> None:
    """Null and NaN are both a label that never came."""
    found = features.labels(pl.DataFrame({"late": [1.0, 2.5, None, float("nan")]}), service("regression"))

    np.testing.assert_array_equal([1.0, 2.5, np.nan, np.nan], found)


@pytest.mark.parametrize(("values", "expected"), [(["1"], "regression needs a number"), ([float("inf")], "infinite")])
def test_regression_refuses_words_and_infinity(values: list[Any], expected: str) -> None:
    """A squared error with either has no meaning."""
    said = refused(features.labels, pl.DataFrame({"late": values}), service("regression"))

    assert expected in said


def test_every_column_is_a_feature_but_label_time_ids_cluster_and_ignored() -> None:
    """The default of a service without a feature function."""
    spec = service(time="at", id=("key",), cluster="host", roles={"note": "ignore", "hour": "calendar"})
    frame = rows(at=TIMES, key=[1, 2, 3], host=["a", "b", "c"], note=["x", "y", "z"], hour=[1, 2, 3], temp=[1.0, 2, 3])

    found = features.compute(frame, spec)

    assert found.columns == ["hour", "temp"]


def test_lists_are_no_features() -> None:
    """A nested column can't be a number; it is left out rather than refused."""
    found = features.compute(rows(many=[[1], [2], [3]], temp=[1.0, 2, 3]), service())

    assert found.columns == ["temp"]


def test_no_feature_left_is_an_error() -> None:
    """A label alone teaches nothing."""
    said = refused(features.compute, rows(), service())

    assert "no feature is left for 'flights'" in said


def test_a_feature_function_never_sees_the_label() -> None:
    """What it is given in training is what it is given online."""
    seen: list[str] = []

    def function(known: pl.DataFrame, as_of: datetime | None) -> pl.DataFrame:
        seen.extend(known.columns)
        return known

    features.compute(rows(temp=[1, 2, 3]), service(features="f:f"), function)

    assert seen == ["temp"]


def test_a_feature_function_is_told_the_time() -> None:
    """`as_of` reaches it unchanged."""
    moment = datetime(2013, 5, 1, tzinfo=UTC)

    found = features.compute(rows(), service(), lambda known, as_of: pl.DataFrame({"t": [as_of] * 3}), moment)

    assert moment == found["t"][0]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ({"a": [1]}, "expected a polars DataFrame"),
        (pl.DataFrame({"a": [1]}), "returned 1 rows for 3"),
        (pl.DataFrame({"late": [1, 2, 3]}), "contain the label 'late'"),
        (pl.DataFrame(), "returned 0 rows for 3"),
    ],
)
def test_what_a_feature_function_must_return_is_checked(made: Any, expected: str) -> None:
    """Another type, another height, or the answer itself."""
    said = refused(features.compute, rows(), service(features="f:f"), lambda *_: made)

    assert expected in said


def test_an_error_in_a_feature_function_points_at_its_own_line() -> None:
    """The owner reads their file and line, not ours."""

    def function(known: pl.DataFrame, as_of: datetime | None) -> pl.DataFrame:
        return known.select("dep_hour")

    said = refused(features.compute, rows(), service(features="f:features"), function)

    assert "features function 'f:features' raised ColumnNotFoundError" in said
    assert "test_features.py" in said
    assert 'return known.select("dep_hour")' in said
    assert "headgate/features.py" not in said


@pytest.mark.parametrize(("cluster", "expected"), [("day", [1, 2, 2]), ("week", [1, 1, 1]), ("host", [2, 1, 2])])
def test_dependent_rows_share_a_cluster(cluster: str, expected: list[int]) -> None:
    """Days and weeks are made from the event time, anything else is a column."""
    frame = rows(at=TIMES, host=["b", "a", "b"])

    found = features.clusters(frame, service(time="at", cluster=cluster))

    assert expected == found.tolist()


def test_without_a_cluster_every_row_is_its_own() -> None:
    """Rows are then declared independent."""
    assert features.clusters(rows(), service()).tolist() == [0, 1, 2]


def test_rows_without_a_value_are_one_cluster() -> None:
    """A null cluster is a group, never a crash."""
    found = features.clusters(rows(host=[None, "a", None]), service(cluster="host"))

    assert found[0] == found[2] != found[1]


def test_an_id_is_the_same_text_from_every_time_unit_and_zone() -> None:
    """Predictions and labels come on different ways and must still meet."""
    plain = rows(at=TIMES.dt.cast_time_unit("ms"), key=[1, 2, 3])
    zoned = rows(at=TIMES.dt.cast_time_unit("ns").dt.replace_time_zone("UTC"), key=[1, 2, 3])
    spec = service(time="at", id=("key", "at"))

    assert features.ids(plain, spec).to_list() == features.ids(zoned, spec).to_list()
    assert features.ids(plain, spec)[0] == "1|2013-01-01T23:00:00"


def test_ids_of_other_parts_are_other_texts() -> None:
    """The separator inside a value does not make two ids one."""
    frame = pl.DataFrame({"a": ["x|y", "x"], "b": ["z", "y|z"], "late": [0, 1]})

    found = features.ids(frame, service(id=("a", "b")))

    assert found.n_unique() == 2


def test_without_an_id_the_whole_row_is_its_id() -> None:
    """Equal rows are equal, others are not."""
    found = features.ids(pl.DataFrame({"late": [0, 0, 1], "temp": [1.5, 1.5, 1.5]}), service())

    assert found[0] == found[1] != found[2]


def test_a_missing_id_column_is_named() -> None:
    """With the one that may be meant."""
    assert "no id column 'kee'. Did you mean 'key'?" in refused(features.ids, rows(key=[1, 2, 3]), service(id=("kee",)))
