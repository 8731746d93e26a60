"""Drawing whole clusters again and again, and scoring each draw, knows no formula and finds the formula's error."""

import numpy as np
import pytest
from numpy.typing import ArrayLike

from headgate.stats.clustered import estimate, paired
from headgate.stats.metrics import Floats, score


def spread(metric: str, label: Floats, sides: list[Floats], clusters: ArrayLike, draws: int = 500) -> float:
    """Return the standard deviation of the metric, or of its difference between two sides, over drawn clusters."""
    random, codes = np.random.default_rng(7), np.asarray(clusters)
    rows = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    found = []
    for _ in range(draws):
        drawn = np.concatenate([rows[place] for place in random.integers(0, len(rows), len(rows))])
        values = [score(metric, label[drawn], side[drawn]).value for side in sides]
        found.append(values[0] - sum(values[1:]))
    return float(np.std(found, ddof=1))


@pytest.mark.parametrize("metric", ["auc", "brier", "log_loss", "accuracy"])
def test_a_difference_of_two_models_has_the_error_that_drawing_days_finds(metric: str) -> None:
    """Each model has better and worse days."""
    random, days = np.random.default_rng(2), np.repeat(np.arange(60), 40)
    label = (random.random(2400) < 0.3).astype(float)
    skill = 1 + random.normal(0, 0.5, (2, 60))[:, days]
    one, other = 1 / (1 + np.exp(0.5 - skill * label - random.normal(size=(2, 2400))))

    formula = paired(score(metric, label, one), score(metric, label, other), days)

    assert spread(metric, label, [one, other], days) == pytest.approx(formula.standard_error, rel=0.12)


def test_ties_count_by_half() -> None:
    """A model that says only yes or no: ties counted in full would give another error."""
    random = np.random.default_rng(3)
    label = (random.random(2000) < 0.3).astype(float)
    yes = (random.random(2000) < 0.02 + 0.28 * label).astype(float)

    formula = estimate(score("auc", label, yes))

    assert spread("auc", label, [yes], np.arange(2000), draws=300) == pytest.approx(formula.standard_error, rel=0.12)


@pytest.mark.parametrize("metric", ["rmse", "mae"])
def test_numbers_have_the_error_that_drawing_days_finds(metric: str) -> None:
    """The root's delta method too."""
    random, days = np.random.default_rng(4), np.repeat(np.arange(50), 20)
    label = random.normal(size=1000) + random.normal(size=50)[days]
    guess = random.normal(scale=0.3, size=1000)

    formula = estimate(score(metric, label, guess), days)

    assert spread(metric, label, [guess], days) == pytest.approx(formula.standard_error, rel=0.12)


def test_several_classes_have_the_error_that_drawing_rows_finds() -> None:
    """Mean of one-against-rest AUCs."""
    random = np.random.default_rng(8)
    label = random.integers(0, 3, 900)
    shares = random.dirichlet([1, 1, 1], 900) + 0.5 * np.eye(3)[label]
    guess = shares / shares.sum(axis=1, keepdims=True)

    formula = estimate(score("auc", label, guess))

    assert spread("auc", label, [guess], np.arange(900), draws=300) == pytest.approx(formula.standard_error, rel=0.15)
