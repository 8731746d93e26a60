"""What is a window that is none, or a reference that knows too little? Told, and nothing raises."""

import msgspec
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from polars.testing.parametric import dataframes, series

from headgate.drift.kept import Reference
from headgate.drift.reference import build
from headgate.drift.report import report, signals
from headgate.records.codec import decode, encode
from headgate.records.live import DriftReport
from unit.drift.judging import POLICY, column, judged, week
from unit.drift.weather import MODEL, PROD, SPEC, times, window


@pytest.mark.parametrize("frame", [pl.DataFrame(), week().clear(), pl.DataFrame({"temperature": []})])
def test_a_window_without_rows_is_not_judged(frame: pl.DataFrame) -> None:
    """Not even its columns: an empty frame has none."""
    found = judged(frame)

    assert found.outcome == "insufficient_data"
    assert {one.outcome for one in found.columns if not one.expected} == {"insufficient_data"}
    assert [one.fired for one in signals(found)] == [False, False]
    assert signals(found)[0].detail == "not judged: 0 rows, 500 needed"


def test_a_window_with_few_rows_is_not_judged_and_says_how_many_it_takes() -> None:
    """One odd row is no drift."""
    few = week().head(499).with_columns(temperature=pl.lit(1e9))

    found = judged(few)

    assert (found.outcome, found.rows, found.rows_needed) == ("insufficient_data", 499, 500)
    assert column(found, "temperature").distance is None
    assert column(found, "temperature").reason == "499 rows, 500 needed"


def test_a_missing_column_is_drift_before_any_statistics() -> None:
    """Also among very few rows, and whatever share of the columns must drift."""
    every = msgspec.structs.replace(POLICY, columns_share=1.0)
    found = judged(week().head(3).drop("wind"))

    assert found.outcome == "drifted"
    assert judged(week().drop("wind"), policy=every).outcome == "drifted"
    assert column(found, "wind").reason == "not among the window's columns"
    assert "wind: not among the window's columns" in signals(found)[0].detail


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("wind", pl.lit("calm"), "categories (string), was numbers"),
        ("carrier", pl.lit(7), "numbers (int32), was categories"),
        ("wind", pl.lit(b"x"), "other (binary), was numbers"),
        ("carrier", pl.concat_list(pl.lit("AA")), "other (list(string)), was categories"),
    ],
)
def test_a_retyped_column_is_drift(name: str, values: pl.Expr, reason: str) -> None:
    """And the reason names both kinds."""
    found = judged(week().with_columns(values.alias(name)))

    assert found.outcome == "drifted"
    assert column(found, name).reason == reason


@pytest.mark.parametrize("dtype", [pl.Float32, pl.Decimal(20, 4)])
def test_numbers_of_another_width_are_the_same_column(dtype: pl.DataType) -> None:
    """JSON does not tell them apart."""
    found = judged(week().with_columns(pl.col("temperature").cast(dtype)))

    assert column(found, "temperature").outcome == "stable"


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["AA", "B6", "UA"])])
def test_categories_of_another_polars_type_are_the_same_column(dtype: pl.DataType) -> None:
    """They are texts."""
    assert column(judged(week().with_columns(pl.col("carrier").cast(dtype))), "carrier").outcome == "stable"


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (None, "0 rows, 500 needed"),
        ([], "0 rows, 500 needed"),
        (["high"] * 600, "missing 100%, was 0%"),
        ([[0.1], [0.2, 0.3]] * 300, "missing 100%, was 0%"),
        ([float("nan")] * 600, "missing 100%, was 0%"),
        ([float("inf")] * 600, "infinite 100%, was 0%"),
        ([[0.2, 0.8]] * 600, "not among the window's columns"),
        (3.0, "1 rows, 500 needed"),
    ],
)
def test_broken_scores_are_told_and_don_t_raise(scores: object, reason: str) -> None:
    """They come from a log."""
    assert column(judged(week(), scores), "score").reason.startswith(reason)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(frame=dataframes(max_size=40, max_cols=4), column=series(min_size=25, max_size=25, allow_null=True))
def test_no_frame_raises(frame: pl.DataFrame, column: pl.Series) -> None:
    """Any types, nulls, NaN, nested values; as a window and as a reference."""
    policy = msgspec.structs.replace(POLICY, min_rows=20)
    names = ("temperature", "wind", "carrier", "score", "x")
    window_rows = frame.rename(dict(zip(frame.columns, names, strict=False)))
    strange = column.alias("temperature").to_frame()
    spec = msgspec.structs.replace(SPEC, drift=policy)
    other = build(strange, None, spec, MODEL)

    for features in (window_rows, strange):
        judged(features, policy=policy)
        found = report(features, None, other, policy, window(0), environment=PROD)
        assert decode(encode(found), DriftReport) == found
    assert decode(encode(other), Reference) == other


def test_times_that_don_t_pair_with_rows_are_refused() -> None:
    """A mistake of the caller, not of the data."""
    with pytest.raises(Exception, match="70 times don't pair with 840 reference rows"):
        build(week(), times(1)[:70], SPEC, MODEL)


def test_a_reference_of_one_window_knows_no_season_and_judges_no_distance() -> None:
    """It says so; a share that changed is found all the same."""
    made = build(week(), times(1), SPEC, MODEL)
    changed = week().with_columns(pl.col("temperature") + 3, wind=pl.lit(None))

    found = report(changed, None, made, POLICY, window(1), environment=PROD)

    temperature = column(found, "temperature")
    assert (temperature.outcome, temperature.null_limit) == ("insufficient_data", None)
    assert temperature.reason == "the reference has 1 whole windows, 2 needed to know its season"
    assert column(found, "wind").outcome == "drifted"
