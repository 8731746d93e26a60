"""Looks at one holdout share one alpha."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.errors import PermanentError
from headgate.stats.spending import alpha_at


@pytest.mark.parametrize("look", [0, -1])
def test_looks_count_from_one(look: int) -> None:
    """A holdout never looked at is not judged."""
    with pytest.raises(PermanentError, match="is no count of looks"):
        alpha_at(look, 0.05)


@pytest.mark.parametrize("alpha", [0.0, 1.0, float("nan")])
def test_a_level_must_be_one(alpha: float) -> None:
    """Nothing to spend, nothing is judged."""
    with pytest.raises(PermanentError, match="is no level"):
        alpha_at(1, alpha)


@given(st.floats(0.0001, 0.9), st.integers(1, 400))
def test_all_looks_together_spend_no_more_than_alpha(alpha: float, looks: int) -> None:
    """However many looks: the sum stays within alpha, rounding included."""
    spent = sum(alpha_at(look, alpha) for look in range(1, looks + 1))

    assert spent <= alpha * (1 + 1e-12)


@given(st.floats(0.0001, 0.9), st.integers(1, 50))
def test_each_look_is_stricter_than_the_one_before(alpha: float, look: int) -> None:
    """Trying again costs."""
    assert 0 < alpha_at(look + 1, alpha) < alpha_at(look, alpha)


def test_histories_of_verdicts_are_paid_for() -> None:
    """Two refusals to choose from at each look, fail or inconclusive: the union over all histories is 1.5 alpha."""
    spent = sum(2 ** (look - 1) * alpha_at(look, 0.05) for look in range(1, 60))

    assert spent == pytest.approx(1.5 * 0.05)
