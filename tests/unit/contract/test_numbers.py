"""Numbers judged at once: never a yes where the request's own check says no."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.contract.numbers import Numbers
from headgate.contract.request import check
from headgate.specs.contract import Column, Contract

BOUNDS = st.none() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.sampled_from([10**400, 2**60 - 1])
COLUMNS = st.builds(
    lambda low, high, nulls, severity: Column(type="number", min=low, max=high, nulls=nulls, range_severity=severity),
    BOUNDS,
    BOUNDS,
    st.sampled_from([0.0, 0.5]),
    st.sampled_from(["error", "warning"]),
)
VALUES = st.none() | st.floats() | st.sampled_from([1e308, -1e308, 2.0**60, 0.0])


@given(st.lists(st.tuples(COLUMNS, VALUES, VALUES), min_size=1, max_size=4))
def test_a_yes_is_never_a_no_of_the_requests_check(given: list[tuple[Column, float | None, float | None]]) -> None:
    """Bounds beyond floats, infinities, NaN and null included."""
    contract = Contract(columns={f"c{place}": column for place, (column, *_) in enumerate(given)})
    values = [[first, second] for _, first, second in given]

    kept = Numbers(contract.columns).keep(np.array(values, dtype=np.float64))

    problem = check(dict(zip(contract.columns, values, strict=True)), contract)
    assert not (kept and problem), problem


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=5))
def test_what_keeps_the_contract_is_known_at_once(values: list[float]) -> None:
    """A check that never says yes would be right, and useless."""
    column = Column(type="number", min=-5, max=5, range_severity="error")

    assert Numbers({"a": column}).keep(np.array([values]))


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan, 5.000001])
def test_one_bad_value_is_enough(bad: float) -> None:
    """In any column, at any place."""
    columns = {"a": Column(type="number", nulls=0.5), "b": Column(type="number", max=5, range_severity="error")}

    assert Numbers(columns).keep(np.array([[math.nan, 1.0], [1.0, 2.0]]))
    assert not Numbers(columns).keep(np.array([[math.nan, 1.0], [1.0, bad]]))
