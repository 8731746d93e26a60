"""Do blocks show what a window does by season and chance?"""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.drift.blocks import PARTIAL, codes, null_of, wider, without
from headgate.drift.columns import profile, profile_like
from headgate.drift.kept import Null
from headgate.stats.distances import distance
from headgate.stats.profile import merge
from unit.drift.weather import times

WEEK = timedelta(days=7)


def test_blocks_end_with_the_reference_and_a_part_of_a_week_is_none() -> None:
    """Ten days are one block, the last seven days."""
    ten_days = times(2, per_day=10).head(100)

    blocks = codes(100, ten_days, WEEK, 20)

    assert blocks.tolist() == [PARTIAL] * 30 + [0] * 70


def test_weeks_whose_first_flight_is_not_at_midnight_are_whole() -> None:
    """The last row stands before the window's end, the first one after its start."""
    daily = times(3, per_day=1) + timedelta(hours=9)

    assert codes(21, daily, WEEK, 1).tolist() == [2] * 7 + [1] * 7 + [0] * 7


def test_a_reference_shorter_than_a_window_is_one_block() -> None:
    """Which has no rest to be compared with."""
    blocks = codes(30, times(1, per_day=10).head(30), WEEK, 20)

    assert set(blocks.tolist()) == {0}


@pytest.mark.parametrize("gone", [pl.Series([None] * 40, dtype=pl.Datetime("us")), times(1, per_day=10).head(0)])
def test_times_that_are_missing_make_no_block(gone: pl.Series) -> None:
    """Neither does a reference without rows."""
    assert set(codes(len(gone), gone, WEEK, 20).tolist()) <= {PARTIAL}


def test_without_event_time_blocks_are_rows_in_a_row() -> None:
    """Of the least size that is judged; what is left over is in no block."""
    assert codes(70, None, WEEK, 20).tolist() == [0] * 20 + [1] * 20 + [2] * 20 + [PARTIAL] * 10


def test_the_null_is_the_largest_distance_of_a_block_from_all_other_rows() -> None:
    """The odd week out of four."""
    values = pl.Series([0.0, 1.0, 2.0, 3.0] * 25 * 3 + [3.0] * 100)
    blocks = np.repeat([3, 2, 1, 0], 100)
    whole = profile(values)
    assert whole is not None
    parts = [profile_like(values.filter(pl.Series(chosen)), whole) for chosen in (blocks == 0, blocks != 0)]
    assert parts[0] is not None
    assert parts[1] is not None

    null = null_of(values, whole, blocks, 20)

    assert null.blocks == 4
    assert null.distances["jensen_shannon"] == distance("jensen_shannon", parts[1], parts[0])


def test_one_block_has_nothing_to_be_compared_with() -> None:
    """And it says that it was one."""
    values = pl.Series(np.arange(100.0))
    whole = profile(values)
    assert whole is not None

    null = null_of(values, whole, np.zeros(100, dtype=np.int64), 20)

    assert (null.blocks, null.distances) == (1, {})


def test_the_wider_of_two_nulls_excuses_what_either_does() -> None:
    """By method and by share."""
    one = Null(blocks=1)
    other = Null(blocks=8, distances={"psi": 0.2}, shares={"missing": 0.1})
    third = Null(blocks=3, distances={"psi": 0.3}, shares={"missing": 0.0})

    assert wider(one, other) == other
    assert wider(other, third) == Null(blocks=8, distances={"psi": 0.3}, shares={"missing": 0.1})


def test_a_category_that_one_week_alone_had_is_unseen_in_it() -> None:
    """So a new one every week is season."""
    values = pl.Series(["a"] * 300 + ["a"] * 70 + ["b"] * 30)
    whole = profile(values)
    assert whole is not None

    assert null_of(values, whole, np.repeat([3, 2, 1, 0], 100), 20).shares["unseen"] == 0.3


@pytest.mark.parametrize(("min_rows", "counted"), [(100, 4), (101, 0)])
def test_blocks_with_too_few_rows_to_be_judged_are_no_null(min_rows: int, counted: int) -> None:
    """Their distances are chance, and would excuse everything."""
    values = pl.Series(np.arange(400.0))
    whole = profile(values)
    assert whole is not None

    assert null_of(values, whole, np.repeat([3, 2, 1, 0], 100), min_rows).blocks == counted


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1)
    | st.lists(st.none() | st.sampled_from("abc"), min_size=1),
    at=st.integers(0, 100),
)
def test_a_whole_less_a_part_is_the_rest(values: list[float | str | None], at: int) -> None:
    """Exactly: merging and taking away are opposites."""
    column = pl.Series(values, strict=False)
    whole = profile(column)
    assert whole is not None
    part, rest = profile_like(column[:at], whole), profile_like(column[at:], whole)
    assert part is not None
    assert rest is not None

    assert without(whole, part).counts == rest.counts
    assert without(whole, part).nulls == rest.nulls
    assert merge(part, rest).counts == whole.counts
