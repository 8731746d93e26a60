"""Two arms of an experiment: the difference, its error by what was assigned, and looking at it every day."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from headgate.errors import PermanentError
from headgate.stats.arms import difference
from headgate.stats.clustered import estimate
from headgate.stats.metrics import Scored, Undefined
from headgate.stats.sequential import mean_bounds

SIMULATIONS = 400


@pytest.mark.parametrize(
    ("outcome", "treated", "reason"),
    [([1.0], [True], "one arm"), ([], [], "one arm"), ([np.nan, 1.0], [True, False], "no number")],
)
def test_what_cannot_be_compared_is_undefined(outcome: list[float], treated: list[bool], reason: str) -> None:
    """With the reason, and no number."""
    found = difference(outcome, treated)

    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_arms_that_do_not_pair_with_outcomes_are_refused() -> None:
    """A join went wrong."""
    with pytest.raises(PermanentError, match="don't pair"):
        difference([1.0, 2.0], [True])


def test_independent_rows_have_welchs_error() -> None:
    """Each row its own cluster: scipy's unequal-variance test, up to the jackknife's few per thousand."""
    random = np.random.default_rng(3)
    treated = random.random(2000) < 0.3
    outcome = random.normal(size=2000) * np.where(treated, 3, 1) + 0.5 * treated

    found = estimate(difference(outcome, treated))

    assert not isinstance(found, Undefined)
    welch = stats.ttest_ind(outcome[treated], outcome[~treated], equal_var=False)
    assert found.value == pytest.approx(outcome[treated].mean() - outcome[~treated].mean())
    assert found.value / found.standard_error == pytest.approx(welch.statistic, rel=0.005)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.booleans()), min_size=2, max_size=50))
def test_influence_has_mean_zero(rows: list[tuple[float, bool]]) -> None:
    """As every metric's has."""
    found = difference([value for value, _ in rows], [arm for _, arm in rows])

    if isinstance(found, Scored):
        assert abs(found.influence.mean()) <= 1e-6


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"alpha": 0.0}, "level"),
        ({"alpha": 1.0}, "level"),
        ({"effect": 0.0}, "size"),
        ({"standard_error": -1.0}, "none"),
    ],
)
def test_bounds_of_nonsense_are_refused(changed: dict[str, float], said: str) -> None:
    """A forgotten number must not become an interval."""
    with pytest.raises(PermanentError, match=said):
        mean_bounds(0.1, **({"standard_error": 0.1, "effect": 0.1, "alpha": 0.05} | changed))


@given(st.floats(1e-6, 1e3), st.floats(1e-6, 1e3), st.sampled_from([0.01, 0.05, 0.2]))
def test_looking_always_costs_something(error: float, effect: float, alpha: float) -> None:
    """Never narrower than the one-look interval, and symmetric."""
    low, high = mean_bounds(0.0, error, effect, alpha)

    assert high == -low
    assert high >= stats.norm.ppf(1 - alpha / 2) * error


@pytest.mark.parametrize("per_key", [1, 5])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_looking_every_day_keeps_the_level(share: float, per_key: int) -> None:
    """A/A: rows of a key are alike, keys come back; of 40 looks none is wrong in more than alpha of the runs."""
    random = np.random.default_rng(per_key * 100 + int(share * 10))
    alpha = 0.05

    ever = sum(ever_wrong(random, share, per_key, alpha, effect=0.3) for _ in range(SIMULATIONS))

    assert stats.beta.ppf(0.99, ever + 1, SIMULATIONS - ever) <= 1.5 * alpha


def test_an_interval_made_for_one_look_does_not() -> None:
    """The simulation can fail: the same looks with a plain interval are wrong far too often."""
    random = np.random.default_rng(5)

    ever = sum(ever_wrong(random, 0.5, 1, 0.05, effect=None) for _ in range(200))

    assert ever / 200 > 3 * 0.05


def test_a_real_difference_is_found() -> None:
    """Power 0.8 at the effect that was asked for, within the 40 looks."""
    random = np.random.default_rng(6)

    found = sum(ever_wrong(random, 0.5, 1, 0.05, effect=0.3, true=0.3) for _ in range(100))

    assert found >= 80


def ever_wrong(
    random: np.random.Generator, share: float, per_key: int, alpha: float, effect: float | None, *, true: float = 0.0
) -> bool:
    """Play an experiment of 1,000 keys over 40 looks; say whether zero was ever outside the bounds."""
    keys = 1000
    arm = random.random(keys) < share
    level = random.normal(size=keys) + true * arm
    at = np.repeat(np.arange(keys), per_key)
    if per_key > 1:  # keys come back later
        at = np.sort(np.minimum(keys - 1, at + random.integers(0, keys // 4, size=len(at))))
    outcome = level[at] + 0.5 * random.normal(size=len(at))
    for look in np.linspace(len(at) // 4, len(at), 40).astype(int):
        found = estimate(difference(outcome[:look], arm[at[:look]]), at[:look])
        assert not isinstance(found, Undefined)
        if effect is None:
            reach = stats.norm.ppf(1 - alpha / 2) * found.standard_error
        else:
            reach = mean_bounds(0.0, found.standard_error, effect, alpha)[1]
        if abs(found.value) > reach:
            return True
    return False
