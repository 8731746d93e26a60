"""Metrics agree with scikit-learn, influence values sum to nothing, and trouble has a reason."""

from time import perf_counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from headgate.errors import PermanentError
from headgate.stats.metrics import METRICS, Floats, Scored, Undefined, score

RANDOM = np.random.default_rng(11)
ROWS = 400
BINARY = (RANDOM.random(ROWS) < 0.3).astype(float)
CHANCE = np.round(RANDOM.random(ROWS), 2)  # rounded, so that scores tie
CODES = RANDOM.integers(0, 3, ROWS)
SHARES = RANDOM.dirichlet([1, 2, 3], ROWS)
NUMBERS, GUESSES = RANDOM.normal(size=(2, ROWS))


@pytest.mark.parametrize(
    ("metric", "label", "prediction", "reference"),
    [
        ("auc", BINARY, CHANCE, sk.roc_auc_score),
        ("log_loss", BINARY, CHANCE, sk.log_loss),
        ("brier", BINARY, CHANCE, sk.brier_score_loss),
        ("accuracy", BINARY, CHANCE, lambda y, p: sk.accuracy_score(y, p > 0.5)),
        ("auc", CODES, SHARES, lambda y, p: sk.roc_auc_score(y, p, multi_class="ovr")),
        ("log_loss", CODES, SHARES, sk.log_loss),
        ("brier", CODES, SHARES, lambda y, p: float(((p - np.eye(3)[y]) ** 2).sum(axis=1).mean())),
        ("accuracy", CODES, SHARES, lambda y, p: sk.accuracy_score(y, p.argmax(axis=1))),
        ("rmse", NUMBERS, GUESSES, sk.root_mean_squared_error),
        ("mae", NUMBERS, GUESSES, sk.mean_absolute_error),
    ],
)
def test_a_metric_agrees_with_scikit_learn(metric: str, label: Floats, prediction: Floats, reference: Any) -> None:
    """Ties, several classes and probabilities of exactly 0 and 1 included."""
    expected = reference(label, prediction)

    scored = score(metric, label, prediction)

    assert scored.value == pytest.approx(expected, rel=1e-12)
    assert scored.influence.mean() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("metric", "label", "prediction"),
    [
        ("auc", BINARY, CHANCE),
        ("auc", CODES, SHARES),
        ("log_loss", BINARY, CHANCE),
        ("brier", CODES, SHARES),
        ("rmse", NUMBERS, GUESSES),
        ("mae", NUMBERS, GUESSES),
    ],
)
def test_influence_foretells_what_leaving_a_row_out_does(metric: str, label: Floats, prediction: Floats) -> None:
    """Without row i the value is lower by about influence_i / (n - 1): the jackknife, done by hand."""
    whole = score(metric, label, prediction)
    chosen = range(0, ROWS, 7)

    without = [score(metric, np.delete(label, i), np.delete(prediction, i, axis=0)).value for i in chosen]

    moved = (whole.value - np.array(without)) * (ROWS - 1)
    assert moved == pytest.approx(whole.influence[list(chosen)], abs=0.03 * np.abs(whole.influence).max())


@pytest.mark.parametrize(
    ("metric", "label", "prediction", "reason"),
    [
        ("auc", [], [], "no rows"),
        ("auc", [0, 0, 0], [0.1, 0.2, 0.3], "0 positive and 3 negative"),
        ("auc", [0, 0, 1], [0.1, 0.2, 0.3], "at least two of each"),
        ("auc", [0, 1, 1, 0], [0.1, np.nan, 0.3, 0.2], "1 of 4 predictions"),
        ("auc", [0, 1, 1, 0], [0.1, np.inf, 0.3, 0.2], "NaN or infinite"),
        ("auc", [0, 0, 1, 1], np.full((4, 3), 1 / 3), "class 2 against the rest"),
        ("brier", [0, 1, np.nan], [0.1, 0.2, 0.3], "1 of 3 labels"),
        ("log_loss", [0, 1], [0.1, 1.2], "outside 0..1"),
        ("log_loss", [0, 1], [[0.1, 0.1], [0.5, 0.5]], "don't sum to 1"),
        ("rmse", [1.0, np.inf], [1.0, 2.0], "labels are missing or infinite"),
    ],
)
def test_no_number_comes_with_its_reason(metric: str, label: Floats, prediction: Floats, reason: str) -> None:
    """What cannot be computed is an answer, not an exception and never a NaN."""
    answer = score(metric, label, prediction)

    assert isinstance(answer, Undefined)
    assert reason in answer.reason


@pytest.mark.parametrize(
    ("metric", "label", "prediction", "message"),
    [
        ("acu", [0, 1], [0.1, 0.2], "Did you mean 'auc'"),
        ("auc", [0, 1, 1], [0.1, 0.2], "don't pair"),
        ("auc", [[0], [1]], [0.1, 0.2], "don't pair"),
        ("auc", [1, 2, 2, 1], [0.1, 0.2, 0.3, 0.4], "label 2 is no class code"),
        ("accuracy", [0.5, 1], [0.1, 0.2], r"label 0\.5 is no class code"),
        ("accuracy", [0, 3], [[0.5, 0.3, 0.2]] * 2, "label 3 is no class code"),
    ],
)
def test_a_caller_s_mistake_is_refused(metric: str, label: Floats, prediction: Floats, message: str) -> None:
    """Wrong shapes, codes and names are errors: no data could make them right."""
    with pytest.raises(PermanentError, match=message):
        score(metric, label, prediction)


def test_a_sure_mistake_costs_much_but_not_everything() -> None:
    """A probability of exactly 0 for what happened is finite, as in scikit-learn."""
    scored = score("log_loss", [1.0, 0.0], [0.0, 0.0])

    assert scored.value == pytest.approx(sk.log_loss([1, 0], [0.0, 0.0]), rel=1e-9)


def test_float32_rounding_is_no_trouble() -> None:
    """Probabilities come from a float32 runtime: a hair over 1 is 1."""
    above_one = np.array([1.0000001, 0.2, 0.9, 0.1], dtype=np.float32)

    scored = score("log_loss", [1, 0, 1, 0], above_one)

    assert isinstance(scored, Scored)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=4, max_size=40))
def test_auc_counts_pairs(pairs: Any) -> None:
    """AUC is the share of (positive, negative) pairs in order, ties half, and flips with the labels."""
    label, guess = np.array(pairs, dtype=float).T
    higher, lower = guess[label == 1], guess[label == 0]

    scored = score("auc", label, guess)
    flipped = score("auc", 1 - label, guess)

    if min(len(higher), len(lower)) < 2:
        assert isinstance(scored, Undefined)
        return
    gaps = higher[:, None] - lower[None, :]
    assert scored.value == pytest.approx(((gaps > 0) + (gaps == 0) / 2).mean())
    assert flipped.value == pytest.approx(1 - scored.value)


def test_constant_scores_are_a_coin() -> None:
    """A model that says the same of all has AUC one half, and no row moves it."""
    scored = score("auc", BINARY, np.full(ROWS, 0.3))

    assert scored.value == 0.5
    assert not scored.influence.any()


def test_perfect_regression_has_no_spread() -> None:
    """The root of zero has no slope; the influence is zero and not NaN."""
    scored = score("rmse", NUMBERS, NUMBERS)

    assert scored.value == 0
    assert not scored.influence.any()


def test_every_metric_says_which_way_is_better() -> None:
    """Rules about gain turn losses around by this alone."""
    assert {name: metric.higher_is_better for name, metric in METRICS.items()} == {
        "auc": True,
        "log_loss": False,
        "brier": False,
        "accuracy": True,
        "rmse": False,
        "mae": False,
    }


def test_auc_of_ten_thousand_rows_takes_about_a_millisecond() -> None:
    """Two sorted passes; the naive pair count takes 200 times as long."""
    label = (RANDOM.random(10_000) < 0.24).astype(float)
    guess = RANDOM.random(10_000)
    seconds = []

    for _ in range(20):
        began = perf_counter()
        score("auc", label, guess)
        seconds.append(perf_counter() - began)

    assert min(seconds) < 0.005
