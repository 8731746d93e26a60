"""Bounds of a share hold at every look at once, and find what is wrong soon."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from headgate.errors import PermanentError
from headgate.stats.sequential import bernoulli_bounds, log_evidence

SIMULATIONS = 2000
LOOKS = 2500


@pytest.mark.parametrize(("bad", "requests"), [(-1, 5), (6, 5), (0, -1)])
def test_counts_that_cannot_be_are_refused(bad: int, requests: int) -> None:
    """More bad than requests means a counter was read wrong."""
    with pytest.raises(PermanentError, match="is no count"):
        bernoulli_bounds(bad, requests, 0.05)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0, float("nan")])
def test_a_level_that_is_none_is_refused(alpha: float) -> None:
    """A forgotten alpha must not become an endless interval."""
    with pytest.raises(PermanentError, match="is no level"):
        bernoulli_bounds(1, 2, alpha)


def test_no_requests_say_nothing() -> None:
    """Without data every share is possible: no pass and no guilt."""
    assert bernoulli_bounds(0, 0, 0.05) == (0.0, 1.0)


@given(st.integers(0, 400), st.integers(0, 100_000), st.sampled_from([0.001, 0.01, 0.05, 0.2]))
def test_bounds_hold_the_shares_with_little_evidence_against_them(bad: int, good: int, alpha: float) -> None:
    """Inside there is less than log(1/alpha) of evidence against a share, outside as much or more."""
    requests = bad + good
    low, high = bernoulli_bounds(bad, requests, alpha)

    inside = [low * 0.4 + high * 0.6, low + (high - low) * 1e-6, high - (high - low) * 1e-6]
    outside = [share for share in (low * (1 - 1e-9), high + (1 - high) * 1e-9) if low < share < high or 0 < share < 1]

    assert 0 <= low <= bad / max(1, requests) <= high <= 1
    assert all(log_evidence(bad, requests, share) < np.log(1 / alpha) for share in inside)
    assert all(log_evidence(bad, requests, share) >= np.log(1 / alpha) * (1 - 1e-6) for share in outside)


@given(st.integers(0, 30), st.integers(1, 200))
def test_bounds_contain_the_bounds_of_a_single_look(bad: int, more: int) -> None:
    """Looking always costs something: never narrower than Clopper-Pearson's one-look limit on the upper side."""
    requests = bad + more

    _, high = bernoulli_bounds(bad, requests, 0.05)

    assert high >= stats.beta.ppf(0.95, bad + 1, requests - bad)


@pytest.mark.parametrize("alpha", [0.05, 0.2])
@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.5, 0.95])
def test_looking_after_every_request_keeps_the_level(share: float, alpha: float) -> None:
    """The true share is outside at any of 2,500 looks in no more than alpha of the runs."""
    random = np.random.default_rng(int(share * 1000))
    bad = np.cumsum(random.random((SIMULATIONS, LOOKS), dtype=np.float32) < share, axis=1, dtype=np.int32)

    evidence = log_evidence(bad, np.arange(1, LOOKS + 1), share)
    ever = int((evidence.max(axis=1) >= np.log(1 / alpha)).sum())

    assert stats.beta.ppf(0.99, ever + 1, SIMULATIONS - ever) <= 1.5 * alpha
    assert ever / SIMULATIONS <= alpha + 2 * np.sqrt(alpha / SIMULATIONS)


def test_a_test_made_for_one_look_does_not() -> None:
    """The same looks through Clopper-Pearson's bound abort a good canary far too often: the simulation can fail."""
    random = np.random.default_rng(1)
    bad = np.cumsum(random.random((300, 1000)) < 0.01, axis=1)

    one_look = stats.beta.ppf(0.05, np.maximum(bad, 1), np.arange(1, 1001) - bad + 1)

    assert (one_look > 0.01).any(axis=1).mean() > 3 * 0.05


@pytest.mark.parametrize(("alpha", "requests"), [(0.05, 2), (0.01, 2), (0.001, 3)])
def test_a_broken_canary_is_found_within_a_few_requests(alpha: float, requests: int) -> None:
    """Every answer bad against a limit of 1 %: certain after two or three, five at the very most."""
    found = next(count for count in range(1, 6) if bernoulli_bounds(count, count, alpha)[0] > 0.01)

    assert found == requests


def test_one_bad_answer_is_no_proof() -> None:
    """A single failure, were it the first request, aborts nothing."""
    assert bernoulli_bounds(1, 1, 0.05)[0] < 0.01


@pytest.mark.parametrize(("share", "requests"), [(0.05, 300), (0.03, 1000), (0.02, 3000)])
def test_a_share_beyond_the_limit_is_found_in_time(share: float, requests: int) -> None:
    """Limit 1 %, level 5 %: power of 0.8 and more at the named number of requests."""
    random = np.random.default_rng(2)
    bad = np.cumsum(random.random((1000, requests)) < share, axis=1)
    count = np.arange(1, requests + 1)

    beyond = (log_evidence(bad, count, 0.01) >= np.log(1 / 0.05)) & (bad > 0.01 * count)

    assert beyond.any(axis=1).mean() >= 0.8


def test_a_clean_canary_is_shown_to_be_within_the_limit() -> None:
    """600 good answers in a row show a share below 1 %."""
    assert bernoulli_bounds(0, 600, 0.05)[1] < 0.01
