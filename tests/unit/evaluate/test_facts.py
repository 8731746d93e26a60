"""Calibration, latency and overlap: the small measurements."""

from itertools import count

import numpy as np
import polars as pl
import pytest

from headgate.evaluate.calibration import calibration
from headgate.evaluate.frame import Taken
from headgate.evaluate.latency import measure_latency
from headgate.evaluate.overlap import duplicate_ids, overlap_rows


def taken(label: list[float], prediction: object, clusters: list[int] | None = None) -> Taken:
    by_day = None if clusters is None else np.array(clusters)
    return Taken(np.array(label), {"candidate": np.asarray(prediction, dtype=float)}, by_day)


@pytest.mark.parametrize("prediction", [[0.5, np.nan], [np.inf, 0.5]])
def test_calibration_needs_numbers(prediction: list[float]) -> None:
    """No answer rather than a wrong one."""
    assert calibration(taken([0, 1], prediction), "candidate") is None


def test_calibration_needs_rows_and_clusters() -> None:
    """Nothing, or a single day, has no error."""
    assert calibration(taken([], []), "candidate") is None
    assert calibration(taken([0, 1], [0.5, 0.5], [1, 1]), "candidate") is None


def test_calibration_in_the_large_is_observed_less_predicted() -> None:
    """Half are late where a fifth was expected."""
    found = calibration(taken([0, 1] * 50, [0.2] * 100), "candidate")

    assert found is not None
    assert found.in_the_large.value == pytest.approx(0.3)
    assert found.expected_error == pytest.approx(0.3)


def test_bins_hold_equal_counts_in_the_order_of_the_predictions() -> None:
    """Ten bins, and a perfect prediction has no error."""
    label = [float(n % 2) for n in range(105)]

    found = calibration(taken(label, label), "candidate")

    assert found is not None
    assert len(found.bins) == 10
    assert {rows for _, _, rows in found.bins} == {10, 11}
    assert [said for said, _, _ in found.bins] == sorted(said for said, _, _ in found.bins)
    assert found.expected_error == 0.0


def test_calibration_of_several_classes_is_about_the_likeliest() -> None:
    """Sure at 0.9 and right half the time."""
    found = calibration(taken([0, 1] * 20, [[0.9, 0.1]] * 40), "candidate")

    assert found is not None
    assert found.in_the_large.value == pytest.approx(-0.4)


def test_latency_is_read_off_the_given_clock() -> None:
    """A clock that gains 2 ms a reading gives calls of 2 ms, and warm-up calls are not timed."""
    ticks, calls = count(step=2_000_000), count()

    found = measure_latency(lambda: next(calls), lambda: next(ticks), calls=50, warm_up=5)

    assert (found.p50_ms, found.p99_ms, found.calls) == (2.0, 2.0, 50)
    assert next(calls) == 55


def test_one_slow_call_in_fifty_is_in_the_p99() -> None:
    """Quantiles, not means."""
    times = iter(range(0, 10**12, 10**6))
    slow = [7]

    def clock() -> int:
        slow[0] += 1
        return next(times) * (40 if slow[0] > 100 else 1)

    found = measure_latency(lambda: None, clock, calls=50, warm_up=0)

    assert found.p50_ms == pytest.approx(1.0)
    assert found.p99_ms > 5


def test_rows_in_common_are_counted_by_id() -> None:
    """Each gate row once, however often it was learned from; nulls are nobody's."""
    gate = pl.Series(["a", "b", "b", "c", None])
    learned = [pl.Series(["b", "x", "b"]), pl.Series(["c", None])]

    assert overlap_rows(gate, learned) == 3
    assert overlap_rows(gate, []) == 0
    assert overlap_rows(gate, [pl.Series([], dtype=pl.String)]) == 0


def test_ids_of_other_types_are_compared_as_text() -> None:
    """7 and '7' are one row."""
    assert overlap_rows(pl.Series([7, 8]), [pl.Series(["7"])]) == 1


def test_repeated_ids_are_counted_beyond_the_first() -> None:
    """Nulls repeat nothing."""
    assert duplicate_ids(pl.Series(["a", "a", "a", "b", None, None])) == 2
