"""Features to the matrix a model is given."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makings import SIGNATURE

from headgate.errors import PermanentError
from headgate.models.encoding import MOST_CATEGORIES, encode, of
from headgate.models.signature import Feature, Signature
from headgate.records.codec import decode
from headgate.records.codec import encode as to_bytes
from headgate.specs.service import Data, Label, Service

SPEC = Service(service="flights", task="binary", data=Data(reader="rows.csv", label=Label(column="late")))


def refused(call: Any, *arguments: Any) -> str:
    with pytest.raises(PermanentError) as caught:
        call(*arguments)
    return "\n".join(caught.value.lines())


def test_a_missing_feature_is_named_with_the_one_that_may_be_meant() -> None:
    """A model is never given a column it did not learn from."""
    said = refused(encode, pl.DataFrame({"tmp": [1.0], "carrier": ["AA"]}), SIGNATURE)

    assert "features of 'flights' lack 'temp'" in said
    assert "Did you mean 'tmp'?" in said


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"temp": ["warm"], "carrier": ["AA"]}, "feature 'temp' is string; the model was fitted on a number"),
        ({"temp": [[1.0]], "carrier": ["AA"]}, "feature 'temp' is list(float64)"),
        ({"temp": [1.0], "carrier": [["AA"]]}, "feature 'carrier' is list(string); the model was fitted on text"),
        ({"temp": [1.0], "carrier": [date(2013, 1, 1)]}, "feature 'carrier' is date"),
    ],
)
def test_a_feature_of_another_type_than_in_training_is_refused(columns: dict[str, Any], expected: str) -> None:
    """A silent cast would be a silent wrong answer."""
    assert expected in refused(encode, pl.DataFrame(columns), SIGNATURE)


def test_a_nested_feature_makes_no_signature() -> None:
    """Training refuses it, with what to do."""
    said = refused(of, pl.DataFrame({"many": [[1, 2]]}), SPEC, ("0", "1"))

    assert "feature 'many' is list(int64); expected numbers, text, booleans or times" in said


def test_what_is_missing_unknown_or_infinite_is_nan() -> None:
    """A model meets one kind of absence only."""
    inf = float("inf")
    frame = pl.DataFrame({"temp": [None, float("nan"), inf, -inf, 1e300], "carrier": [None, "ZZ", "", "aa", "AA "]})

    assert np.isnan(encode(frame, SIGNATURE)).all()


def test_every_plain_type_has_its_number() -> None:
    """Booleans 0/1, times in days since 1970, durations in days, times of day as a share of it."""
    frame = pl.DataFrame(
        {
            "flag": [True],
            "whole": pl.Series([7], dtype=pl.UInt8),
            "money": [Decimal("2.5")],
            "day": [date(1970, 1, 3)],
            "at": [datetime.fromisoformat("1970-01-02T12:00")],
            "lasted": [timedelta(hours=6)],
            "clock": [time(18)],
        }
    )

    found = encode(frame, of(frame, SPEC, ("0", "1")))

    np.testing.assert_array_equal([[1, 7, 2.5, 2, 1.5, 0.25, 0.75]], found)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_a_time_is_the_same_number_in_every_unit(unit: Any) -> None:
    """Training reads Parquet and serving reads JSON; their units differ."""
    frame = pl.DataFrame({"at": pl.Series([datetime.fromisoformat("2013-06-01T06:00")]).dt.cast_time_unit(unit)})

    assert encode(frame, of(frame, SPEC, ()))[0, 0] == 15857.25


def test_columns_are_taken_by_name_and_put_in_the_order_of_the_signature() -> None:
    """Another order, and columns nobody asked for, change nothing."""
    frame = pl.DataFrame({"extra": [9], "carrier": ["UA"], "temp": [3]})

    np.testing.assert_array_equal([[3, 1]], encode(frame, SIGNATURE))


def test_a_matrix_is_contiguous_float32() -> None:
    """What ONNX Runtime takes without a copy."""
    found = encode(pl.DataFrame({"temp": [1.0, 2.0], "carrier": ["AA", None]}), SIGNATURE)

    assert found.dtype == np.float32
    assert found.flags.c_contiguous


def test_no_rows_make_an_empty_matrix() -> None:
    """Shape is kept, so that nobody asks how many features there were."""
    frame = pl.DataFrame({"temp": [], "carrier": []}, schema={"temp": pl.Float64, "carrier": pl.String})

    assert encode(frame, SIGNATURE).shape == (0, 2)


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Enum(["UA", "AA"])])
def test_text_has_the_same_codes_in_every_type_of_text(dtype: Any) -> None:
    """The physical codes of a Categorical are its own affair."""
    frame = pl.DataFrame({"temp": [1, 2], "carrier": pl.Series(["UA", "AA"], dtype=dtype)})

    assert encode(frame, SIGNATURE)[:, 1].tolist() == [1, 0]


def test_categories_are_sorted_so_that_row_order_does_not_matter() -> None:
    """The same rows in another order are the same signature, to the byte."""
    one = of(pl.DataFrame({"carrier": ["UA", "AA", None]}), SPEC, ("0", "1"))
    other = of(pl.DataFrame({"carrier": [None, "AA", "UA"]}), SPEC, ("0", "1"))

    assert to_bytes(one) == to_bytes(other)
    assert one.features[0].categories == ("AA", "UA")


def test_only_the_most_frequent_categories_have_a_code() -> None:
    """An id-like text column does not make a model that no tree library can hold."""
    texts = [f"t{number:03}" for number in range(400)] + [f"t{number:03}" for number in range(100, 400)]

    found = of(pl.DataFrame({"tail": texts}), SPEC, ()).features[0].categories

    assert len(found) == MOST_CATEGORIES
    assert "t000" not in found


def test_a_column_without_any_value_is_left_out() -> None:
    """It teaches nothing, and some trainers can't take it."""
    nothing = pl.Series([None, None], dtype=pl.String)
    frame = pl.DataFrame({"temp": [1.0, None], "a": [None, None], "b": nothing, "c": [float("inf"), float("nan")]})

    assert of(frame, SPEC, ("0", "1")).names == ("temp",)


def test_training_rows_without_any_value_at_all_are_refused() -> None:
    """Nothing is left to learn from."""
    said = refused(of, pl.DataFrame({"temp": [None, None]}), SPEC, ("0", "1"))

    assert "no feature of 'flights' has a value in 2 training rows" in said


def test_a_signature_survives_its_json() -> None:
    """It is written with the package and read where the model is served."""
    assert decode(to_bytes(SIGNATURE), Signature) == SIGNATURE


values = st.fixed_dictionaries(
    {
        "temp": st.none() | st.floats(width=32) | st.integers(-1000, 1000),
        "carrier": st.none() | st.sampled_from(["AA", "UA", "ZZ", "ü"]),
    }
)


@given(st.lists(values, min_size=1, max_size=8))
def test_a_row_alone_is_encoded_as_among_others(found: list[dict[str, Any]]) -> None:
    """Online requests have one row, training has many: the numbers are the same."""
    schema = {"temp": pl.Float64, "carrier": pl.String}
    together = encode(pl.DataFrame(found, schema=schema), SIGNATURE)

    alone = np.concatenate([encode(pl.DataFrame([row], schema=schema), SIGNATURE) for row in found])

    np.testing.assert_array_equal(together, alone)


@given(st.lists(values, min_size=1, max_size=8))
def test_encoding_says_what_plain_python_says(found: list[dict[str, Any]]) -> None:
    """An independent, slow encoder agrees."""
    codes = {"AA": 0.0, "UA": 1.0}
    slow = np.array(
        [[np.nan if row["temp"] is None else row["temp"], codes.get(row["carrier"], np.nan)] for row in found],
        dtype=np.float32,
    )
    slow[~np.isfinite(slow)] = np.nan

    quick = encode(pl.DataFrame(found, schema={"temp": pl.Float64, "carrier": pl.String}), SIGNATURE)

    np.testing.assert_array_equal(slow, quick)


def test_a_category_given_as_a_number_is_looked_up_by_its_text() -> None:
    """JSON clients write 1 where the column said "1"."""
    signature = Signature(
        service="flights",
        task="binary",
        classes=("0", "1"),
        features=(Feature(name="zone", kind="category", categories=("1", "2")),),
    )

    assert encode(pl.DataFrame({"zone": [2]}), signature).tolist() == [[1.0]]
