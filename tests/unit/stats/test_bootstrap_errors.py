"""Drawing clusters again and again finds the error that the formula says."""

import numpy as np
import pytest

from headgate.errors import PermanentError
from headgate.stats.bootstrap import block_bootstrap
from headgate.stats.clustered import estimate, paired
from headgate.stats.metrics import Floats, Undefined, score


def two_models(random: np.random.Generator) -> tuple[Floats, Floats, Floats, Floats]:
    """Return label, two models' probabilities and days: each model has better and worse days."""
    days = np.repeat(np.arange(60), 40)
    label = (random.random(2400) < 0.3).astype(float)
    skill = 1 + random.normal(0, 0.5, (2, 60))[:, days]
    guess = 1 / (1 + np.exp(0.5 - skill * label - random.normal(size=(2, 2400))))
    return label, guess[0], guess[1], days


def test_a_bootstrap_of_nothing_has_its_reason() -> None:
    """One class only is no AUC, drawn or not."""
    assert isinstance(block_bootstrap("auc", np.zeros(9), np.arange(9.0)), Undefined)


@pytest.mark.parametrize("length", [0, 11])
def test_blocks_longer_than_half_the_clusters_are_refused(length: int) -> None:
    """Two blocks at least, or every draw is the same rows turned round."""
    with pytest.raises(PermanentError, match="expected 1 to 10"):
        block_bootstrap("mae", np.arange(20.0), np.zeros(20), length=length)


@pytest.mark.parametrize("metric", ["auc", "brier", "log_loss", "accuracy"])
def test_a_block_bootstrap_of_days_agrees(metric: str) -> None:
    """Drawing days and scoring again knows no formula, and finds the same error."""
    label, candidate, other, days = two_models(np.random.default_rng(2))
    by_formula = paired(score(metric, label, candidate), score(metric, label, other), days)

    drawn = block_bootstrap(metric, label, candidate, other, clusters=days, draws=600)

    assert drawn.value == pytest.approx(by_formula.value)
    assert drawn.standard_error == pytest.approx(by_formula.standard_error, rel=0.12)


def test_a_block_bootstrap_counts_ties_by_half() -> None:
    """A model that says only yes or no: ties counted in full would give another error."""
    random = np.random.default_rng(3)
    label = (random.random(2000) < 0.3).astype(float)
    yes = (random.random(2000) < 0.02 + 0.28 * label).astype(float)
    by_formula = estimate(score("auc", label, yes))

    drawn = block_bootstrap("auc", label, yes, draws=600)

    assert drawn.standard_error == pytest.approx(by_formula.standard_error, rel=0.12)


@pytest.mark.parametrize("metric", ["rmse", "mae"])
def test_a_block_bootstrap_of_numbers_agrees(metric: str) -> None:
    """The root's delta method too."""
    random = np.random.default_rng(4)
    days = np.repeat(np.arange(50), 20)
    label = random.normal(size=1000) + random.normal(size=50)[days]
    guess = random.normal(scale=0.3, size=1000)
    by_formula = estimate(score(metric, label, guess), days)

    drawn = block_bootstrap(metric, label, guess, clusters=days, draws=600)

    assert drawn.standard_error == pytest.approx(by_formula.standard_error, rel=0.12)


def test_a_bootstrap_of_several_classes_agrees() -> None:
    """Mean of one-against-rest AUCs, drawn and by formula."""
    random = np.random.default_rng(8)
    label = random.integers(0, 3, 900)
    shares = random.dirichlet([1, 1, 1], 900) + 0.5 * np.eye(3)[label]
    guess = shares / shares.sum(axis=1, keepdims=True)
    by_formula = estimate(score("auc", label, guess))

    drawn = block_bootstrap("auc", label, guess, draws=400)

    assert drawn.value == pytest.approx(by_formula.value)
    assert drawn.standard_error == pytest.approx(by_formula.standard_error, rel=0.15)


def test_longer_blocks_see_days_that_resemble_the_next() -> None:
    """Day effects that last a week make the error larger; blocks of a week show it."""
    random = np.random.default_rng(6)
    days = np.repeat(np.arange(210), 5)
    label = random.normal(size=1050) + np.repeat(random.normal(size=30), 35)

    by_day, by_week = (block_bootstrap("mae", label, np.full(1050, -9.0), clusters=days, length=n) for n in (1, 7))

    assert by_week.standard_error > 1.6 * by_day.standard_error


def test_longer_blocks_of_unrelated_days_change_nothing() -> None:
    """Days drawn a week at a time, though the next day knows nothing of this one: the same error."""
    random = np.random.default_rng(7)
    days = np.repeat(np.arange(210), 5)
    label = random.normal(size=1050) + random.normal(size=210)[days]

    by_day, by_week = (block_bootstrap("mae", label, np.full(1050, -9.0), clusters=days, length=n) for n in (1, 7))

    assert by_week.standard_error == pytest.approx(by_day.standard_error, rel=0.2)
