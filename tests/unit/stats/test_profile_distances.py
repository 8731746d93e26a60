"""Distances are defined for every pair of profiles, and chance is told from change."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from headgate.errors import PermanentError
from headgate.stats.distances import METHODS, chance_limit, distance, jensen_shannon, limit, psi, wasserstein
from headgate.stats.metrics import Floats
from headgate.stats.profile import Numbers, categories_of, cells, cuts, numbers_of, rows

ODD_NUMBERS = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=40)
KNOWN = ("a", "b", "c")
RANDOM = np.random.default_rng(13)
REFERENCE = RANDOM.normal(size=20_000)
AT = cuts(REFERENCE)


def seen(values: Floats | list[float]) -> Numbers:
    return numbers_of(values, AT)


@pytest.mark.parametrize("method", METHODS)
def test_no_rows_are_no_distance(method: str) -> None:
    """An empty window is neither drifted nor stable."""
    full, empty = seen(REFERENCE), seen([])

    assert distance(method, full, empty) is distance(method, empty, full) is None
    assert chance_limit(method, full, empty) is None


def test_an_unknown_method_is_refused() -> None:
    """With the name that was meant."""
    with pytest.raises(PermanentError, match="Did you mean 'psi'"):
        distance("pssi", seen([1.0]), seen([1.0]))


def test_profiles_in_other_bins_are_refused() -> None:
    """Numbers against categories, or other cuts, compare nothing."""
    with pytest.raises(PermanentError, match="different bins"):
        psi(seen([1.0]), categories_of(["a"], KNOWN))
    with pytest.raises(PermanentError, match="different bins"):
        psi(seen([1.0]), numbers_of([1.0], (0.0,)))


@pytest.mark.parametrize("method", METHODS)
@given(reference=ODD_NUMBERS, window=ODD_NUMBERS)
def test_any_two_columns_have_a_finite_distance(method: str, reference: list[float], window: list[float]) -> None:
    """NaN, inf, constants, 1e300: a number >= 0, and 0 against itself."""
    at = cuts(reference)
    one, other = numbers_of(reference, at), numbers_of(window, at)

    far, near = distance(method, one, other), distance(method, one, one)

    assert (far is None) == (not (reference and window))
    assert far is None or (np.isfinite(far) and far >= -1e-12)
    assert near is None or near == pytest.approx(0, abs=1e-12)


def test_jensen_shannon_is_scipy_s() -> None:
    """In bits, over the same cells."""
    one, other = seen(REFERENCE), seen(RANDOM.normal(0.4, 1.3, 3000))
    expected = jensenshannon(cells(one), cells(other), base=2)

    assert jensen_shannon(one, other) == pytest.approx(expected)


def test_psi_is_the_textbook_s_when_no_cell_is_empty() -> None:
    """With many rows the pseudo-row is not to be seen."""
    one, other = seen(REFERENCE), seen(RANDOM.normal(0.1, 1, 20_000))
    p, q = (np.array(side.counts[1:-1]) / 20_000 for side in (one, other))

    assert psi(one, other) == pytest.approx(((q - p) * np.log(q / p)).sum(), rel=0.03)


def test_wasserstein_is_scipy_s_in_standard_deviations() -> None:
    """Read off 50 bins within 3 %; a shift of 0.3 is about 0.3."""
    at = cuts(REFERENCE, bins=50)
    window = RANDOM.normal(0.3, 1.1, 5000)
    expected = stats.wasserstein_distance(REFERENCE, window) / REFERENCE.std()

    found = wasserstein(numbers_of(REFERENCE, at), numbers_of(window, at))

    assert found == pytest.approx(expected, rel=0.03)


def test_wasserstein_of_a_flag_is_exact() -> None:
    """From 30 % to 50 % ones moves a fifth of the rows by one, over the flag's spread."""
    one, two = [1.0] * 30 + [0.0] * 70, [1.0] * 50 + [0.0] * 50
    at = cuts(one)

    found = wasserstein(numbers_of(one, at), numbers_of(two, at))

    assert found == pytest.approx(0.2 / np.std(one))


def test_wasserstein_sees_distributions_that_cross_within_a_bin() -> None:
    """From a third in each of three bins to halves in the outer two: an area of 1/12 in each bin, by hand."""
    at = (0.0, 1.0, 2.0, 3.0)
    thirds, halves = numbers_of([0.5, 1.5, 2.5], at), numbers_of([0.5, 2.5], at)

    assert wasserstein(thirds, halves) == pytest.approx(3 / 12 / np.std([0.5, 1.5, 2.5]))


@pytest.mark.parametrize("method", METHODS)
def test_half_a_column_gone_missing_is_far(method: str) -> None:
    """Dropping NaN first would call this stable; the half that is left is the same."""
    half = np.where(np.arange(4000) % 2, np.nan, REFERENCE[:4000])

    found = distance(method, seen(REFERENCE), seen(half))

    assert found > 0.3
    assert found > 3 * chance_limit(method, seen(REFERENCE), seen(half))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("odd", [np.nan, np.inf, 50.0])
def test_a_window_of_nothing_but_oddities_is_as_far_as_can_be(method: str, odd: float) -> None:
    """All null, all infinite, all beyond the range."""
    assert distance(method, seen(REFERENCE), seen(np.full(500, odd))) >= 0.99


@pytest.mark.parametrize(("method", "far"), [("psi", 5.0), ("jensen_shannon", 1.0), ("wasserstein", 1.0)])
def test_a_constant_that_stays_is_near_and_one_that_moves_is_far(method: str, far: float) -> None:
    """One bin, a defined result: no epsilon makes a constant column drift."""
    at = cuts([3.0] * 1000)
    constant = numbers_of([3.0] * 1000, at)

    stays = distance(method, constant, numbers_of([3.0] * 40, at))
    moves = distance(method, constant, numbers_of([4.0] * 40, at))

    assert stays == 0
    assert moves >= far


@pytest.mark.parametrize("method", METHODS)
def test_one_new_category_among_many_rows_is_no_alarm(method: str) -> None:
    """PSI with an epsilon makes 2.8 of it; here one row in a thousand weighs what it is."""
    reference = categories_of({"a": 50_000, "b": 30_000, "c": 20_000}, KNOWN)
    window = categories_of({"a": 500, "b": 300, "c": 199, "new": 1}, KNOWN)

    assert distance(method, reference, window) < 0.05


@pytest.mark.parametrize("method", METHODS)
def test_a_third_of_new_categories_is_an_alarm(method: str) -> None:
    """And beyond anything chance does."""
    reference = categories_of({"a": 50_000, "b": 30_000, "c": 20_000}, KNOWN)
    window = categories_of({"a": 350, "b": 200, "c": 100, "new": 350}, KNOWN)

    found = distance(method, reference, window)

    assert found > 0.3
    assert found > 3 * chance_limit(method, reference, window)


def test_the_chance_limit_of_psi_is_yurdakul_s() -> None:
    """Two samples of one column: chi-square of cells - 1 times (1/n + 1/m)."""
    one, other = seen(REFERENCE), seen(RANDOM.normal(size=4000))
    cells_used = np.count_nonzero(cells(one) + cells(other))
    expected = stats.chi2.ppf(0.95, cells_used - 1) * (1 / rows(one) + 1 / rows(other))

    assert chance_limit("psi", one, other, 0.95) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [30, 3000])
def test_chance_alone_passes_the_limit_as_rarely_as_said(method: str, count: int) -> None:
    """A fixed 0.1 alarms on 30 rows and sleeps on 3,000; the 0.95 limit is passed by about 5 % at any size."""
    random = np.random.default_rng(count)
    reference = seen(REFERENCE)
    passed = 0
    for _ in range(200):
        window = seen(random.normal(size=count))
        passed += distance(method, reference, window) > chance_limit(method, reference, window, 0.95)

    assert stats.beta.ppf(0.99, passed + 1, 200 - passed) <= 0.12


@pytest.mark.parametrize("method", METHODS)
def test_fewer_rows_have_a_higher_limit(method: str) -> None:
    """What is far for a month is chance for an hour."""
    limits = [chance_limit(method, seen(REFERENCE), seen(REFERENCE[:count])) for count in (50, 500, 5000)]

    assert limits[0] > 2 * limits[1] > 4 * limits[2]


@pytest.mark.parametrize("method", METHODS)
def test_a_shift_of_half_a_deviation_is_found_in_300_rows(method: str) -> None:
    """Power at a named effect."""
    random = np.random.default_rng(4)
    reference = seen(REFERENCE)
    windows = [seen(random.normal(0.5, 1, 300)) for _ in range(50)]

    found = sum(distance(method, reference, window) > chance_limit(method, reference, window) for window in windows)

    assert found >= 40


@pytest.mark.parametrize("quantile", [0.0, 1.0, float("nan")])
def test_a_quantile_that_is_none_is_refused(quantile: float) -> None:
    """0.99 was meant, not 99 %."""
    with pytest.raises(PermanentError, match="is none"):
        chance_limit("psi", seen([1.0]), seen([1.0]), quantile)


def test_block_distances_give_their_higher_quantile() -> None:
    """Few blocks round up: the limit is never below what the reference did to itself."""
    assert limit([0.3, 0.1, 0.2], 0.9) == 0.3
    assert limit([], 0.9) is None
