"""Worst cases over labels that never came equal what trying every label finds."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.errors import PermanentError
from headgate.stats.bounds import worst_case
from headgate.stats.metrics import Floats, Scored, score

SEEDS = st.integers(0, 2**32 - 1)


def tried(metric: str, label: Floats, candidate: Floats, other: Floats | None, values: Floats) -> tuple[float, float]:
    """Return lowest and highest over every way to fill the missing labels with `values`."""
    found = []
    missing = np.flatnonzero(np.isnan(label))
    for filling in product(values, repeat=len(missing)):
        whole = label.copy()
        whole[missing] = filling
        scored = [score(metric, whole, side) for side in (candidate, other) if side is not None]
        if all(isinstance(one, Scored) for one in scored):
            found.append(scored[0].value - sum(one.value for one in scored[1:]))
    return min(found), max(found)


def binary_rows(seed: int) -> tuple[Floats, Floats, Floats]:
    """Return ten rows, both labels twice, up to six missing, scores that tie."""
    random = np.random.default_rng(seed)
    drawn = random.integers(0, 2, 6).astype(float)
    drawn[random.random(6) < 0.7] = np.nan
    candidate, other = np.round(random.random((2, 10)), 1)
    return np.concatenate(([0, 0, 1, 1], drawn)), candidate, other


@given(SEEDS, st.sampled_from(["auc", "log_loss", "brier", "accuracy"]), st.booleans())
@settings(max_examples=60)
def test_binary_bounds_are_exact(seed: int, metric: str, alone: bool) -> None:
    """Brute force over both labels of every missing row, for the metric and for its delta."""
    label, candidate, other = binary_rows(seed)
    against = None if alone else other

    bounds = worst_case(metric, label, candidate, against)

    assert bounds == pytest.approx(tried(metric, label, candidate, against, np.array([0.0, 1.0])), abs=1e-12)


@given(SEEDS, st.sampled_from(["log_loss", "brier", "accuracy"]))
@settings(max_examples=25)
def test_bounds_over_several_classes_are_exact(seed: int, metric: str) -> None:
    """Three classes, three missing rows."""
    random = np.random.default_rng(seed)
    label = np.array([0, 1, 2, 0, np.nan, np.nan, np.nan])
    candidate, other = random.dirichlet([1, 1, 1], (2, 7))

    bounds = worst_case(metric, label, candidate, other)

    assert bounds == pytest.approx(tried(metric, label, candidate, other, np.arange(3.0)), abs=1e-12)


@given(SEEDS)
@settings(max_examples=25)
def test_auc_of_several_classes_is_bounded_from_outside(seed: int) -> None:
    """Each class is bounded by itself, so the mean may be wider than the truth and never narrower."""
    random = np.random.default_rng(seed)
    label = np.array([0, 1, 2, 0, 1, 2, np.nan, np.nan, np.nan])
    candidate, other = random.dirichlet([1, 1, 1], (2, 9))

    low, high = worst_case("auc", label, candidate, other)

    lowest, highest = tried("auc", label, candidate, other, np.arange(3.0))
    assert low <= lowest + 1e-12
    assert high >= highest - 1e-12


@given(SEEDS, st.booleans())
@settings(max_examples=25)
def test_absolute_error_of_numbers_is_exact(seed: int, alone: bool) -> None:
    """A fine grid over the range of known labels, ends and predictions included, finds no more and no less."""
    random = np.random.default_rng(seed)
    label = np.array([-1.0, 0.4, 2.0, np.nan, np.nan])
    candidate, other = random.normal(size=(2, 5)) * 2
    grid = np.concatenate((np.linspace(-1, 2, 13), np.clip([*candidate[3:], *other[3:]], -1, 2)))
    against = None if alone else other

    bounds = worst_case("mae", label, candidate, against)

    assert bounds == pytest.approx(tried("mae", label, candidate, against, grid), abs=1e-12)


@given(SEEDS, st.booleans())
@settings(max_examples=25)
def test_root_mean_square_is_bounded_from_outside(seed: int, alone: bool) -> None:
    """No label in the range of known ones leaves the bounds; alone they are reached."""
    random = np.random.default_rng(seed)
    label = np.array([-1.0, 0.4, 2.0, np.nan, np.nan])
    candidate, other = random.normal(size=(2, 5)) * 2
    grid = np.concatenate((np.linspace(-1, 2, 21), np.clip(candidate[3:], -1, 2)))
    against = None if alone else other

    low, high = worst_case("rmse", label, candidate, against)

    lowest, highest = tried("rmse", label, candidate, against, grid)
    assert low <= lowest + 1e-12
    assert high >= highest - 1e-12
    if alone:
        assert (low, high) == pytest.approx((lowest, highest))


@pytest.mark.parametrize("metric", ["auc", "log_loss", "brier", "accuracy"])
def test_without_missing_labels_both_bounds_are_the_delta(metric: str) -> None:
    """Nothing unknown, nothing to fear."""
    random = np.random.default_rng(3)
    label = np.tile([0.0, 1.0], 50)
    candidate, other = random.random((2, 100))
    delta = score(metric, label, candidate).value - score(metric, label, other).value

    bounds = worst_case(metric, label, candidate, other)

    assert bounds == pytest.approx((delta, delta))


@pytest.mark.parametrize("metric", ["rmse", "mae"])
def test_perfect_and_fully_known_numbers_have_no_spread(metric: str) -> None:
    """Both models right on every row: zero, not zero by zero."""
    label = np.arange(5.0)

    assert worst_case(metric, label, label, label) == (0, 0)


@pytest.mark.parametrize(
    ("metric", "label", "candidate"),
    [
        ("auc", [], []),
        ("auc", [1.0, 1.0], [0.2, 0.3]),
        ("auc", [1.0, np.nan], [0.2, np.nan]),
        ("log_loss", [1.0, np.nan], [0.2, 1.7]),
        ("mae", [np.nan, np.nan], [0.2, 0.3]),
        ("rmse", [np.inf, np.nan], [0.2, 0.3]),
        ("auc", [0.0, 0.0, np.nan], np.full((3, 3), 1 / 3)),
    ],
)
def test_what_has_no_number_has_no_bounds(metric: str, label: list[float], candidate: Floats) -> None:
    """Empty, one class, NaN predictions, no known number to take a range from."""
    assert worst_case(metric, label, candidate) is None


def test_codes_that_are_none_are_refused() -> None:
    """A caller's mistake, as in score."""
    with pytest.raises(PermanentError, match="label 4 is no class code"):
        worst_case("auc", [4.0, np.nan], [0.1, 0.2])


def test_one_storm_day_without_labels_is_shown() -> None:
    """Five per cent missing can hide a delta of the size gates decide on, and no more than a tenth."""
    random = np.random.default_rng(5)
    label = (random.random(10_000) < 0.24).astype(float)
    candidate, other = label + random.normal(size=(2, 10_000))
    label[:500] = np.nan

    low, high = worst_case("auc", label, candidate, other)

    assert -0.1 < low < -0.01
    assert 0.01 < high < 0.1
