"""Standard errors and intervals: DeLong when rows are independent, honest when they are not."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from headgate.errors import PermanentError
from headgate.records.judgement import Estimate
from headgate.stats.bootstrap import block_bootstrap
from headgate.stats.clustered import clusters_needed, difference, estimate, interval, paired
from headgate.stats.metrics import Floats, Scored, Undefined, score

LEVEL = 0.05
SIMULATIONS = 6000


def delong(label: Floats, candidate: Floats, other: Floats) -> tuple[float, float]:
    """Return delta and standard error by DeLong, DeLong & Clarke-Pearson 1988, the slow way."""
    kernel = []
    for guess in (candidate, other):
        gaps = guess[label == 1][:, None] - guess[label == 0][None, :]
        kernel.append((gaps > 0) + (gaps == 0) / 2)
    by_positive = np.cov([one.mean(axis=1) for one in kernel])
    by_negative = np.cov([one.mean(axis=0) for one in kernel])
    covariance = by_positive / kernel[0].shape[0] + by_negative / kernel[0].shape[1]
    contrast = np.array([1, -1])
    return kernel[0].mean() - kernel[1].mean(), float(np.sqrt(contrast @ covariance @ contrast))


def obuchowski(label: Floats, guess: Floats, clusters: Floats) -> float:
    """Return the clustered variance of one AUC, Obuchowski 1997 equation (4), cluster by cluster."""
    gaps = guess[label == 1][:, None] - guess[label == 0][None, :]
    kernel = (gaps > 0) + (gaps == 0) / 2
    area, (positives, negatives) = kernel.mean(), kernel.shape
    names = np.unique(clusters)
    count = len(names)
    ten = [(kernel.mean(axis=1) - area)[clusters[label == 1] == name].sum() for name in names]
    one = [(kernel.mean(axis=0) - area)[clusters[label == 0] == name].sum() for name in names]
    scale = count / (count - 1)
    return scale * (
        np.dot(ten, ten) / positives**2 + np.dot(one, one) / negatives**2 + 2 * np.dot(ten, one) / positives / negatives
    )


def test_one_cluster_cannot_tell_an_error() -> None:
    """A single day has no spread between days, whatever its rows say."""
    answer = estimate(score("mae", [1.0, 2.0, 3.0], [1.0, 1.0, 1.0]), [7, 7, 7])

    assert isinstance(answer, Undefined)
    assert "one cluster" in answer.reason


def test_an_undefined_side_keeps_its_reason() -> None:
    """A comparison with a model that gave NaN says so."""
    good, bad = score("mae", [1.0, 2.0], [1.0, 1.0]), score("mae", [1.0, 2.0], [1.0, np.nan])

    answers = paired(good, bad), paired(bad, good), estimate(bad)

    assert {answer.reason for answer in answers} == {"1 of 2 predictions are NaN or infinite"}


def test_sides_of_unequal_length_are_refused() -> None:
    """Paired means the same rows."""
    one, other = score("mae", [1.0, 2.0], [1.0, 1.0]), score("mae", [1.0, 2.0, 3.0], [1.0, 1.0, 1.0])

    with pytest.raises(PermanentError, match="don't pair"):
        difference(one, other)


def test_clusters_of_another_length_are_refused() -> None:
    """A cluster code for every row."""
    with pytest.raises(PermanentError, match="don't pair with 2 rows"):
        estimate(score("mae", [1.0, 2.0], [1.0, 1.0]), [1, 2, 3])


@pytest.mark.parametrize("alpha", [0, 1, -0.1, float("nan")])
def test_a_level_outside_0_and_1_is_refused(alpha: float) -> None:
    """No interval at a level that is none."""
    with pytest.raises(PermanentError, match="is no level"):
        interval(Estimate(value=0, standard_error=1, rows=9, clusters=9), alpha)


@given(st.integers(0, 2**32 - 1), st.integers(4, 60))
def test_single_rows_give_delong_exactly(seed: int, rows: int) -> None:
    """With every row its own cluster the paired AUC error is DeLong's, small samples and ties included."""
    random = np.random.default_rng(seed)
    label = np.concatenate(([0, 0, 1, 1], random.integers(0, 2, rows))).astype(float)
    candidate, other = np.round(random.random((2, len(label))), 1)

    mine = paired(score("auc", label, candidate), score("auc", label, other))

    assert (mine.value, mine.standard_error) == pytest.approx(delong(label, candidate, other), abs=1e-12)


def test_clustered_auc_is_obuchowski_s() -> None:
    """Equal clusters: the published formula, but for DeLong's n/(n-1) of the class counts (under 1 %)."""
    random = np.random.default_rng(5)
    clusters = np.repeat(np.arange(20), 50)
    label = (random.random(1000) < 0.3 + 0.02 * (clusters - 10)).astype(float)
    guess = label + random.normal(size=1000) + random.normal(size=20)[clusters]

    mine = estimate(score("auc", label, guess), clusters)

    assert mine.standard_error**2 == pytest.approx(obuchowski(label, guess, clusters), rel=0.01)


def test_the_interval_of_a_mean_is_student_s() -> None:
    """For a plain mean of independent rows nothing new: scipy's own t interval."""
    values = np.random.default_rng(3).normal(size=30)
    expected = stats.t.interval(0.95, 29, loc=values.mean(), scale=stats.sem(values))

    bounds = interval(estimate(Scored(values.mean(), values - values.mean())), 0.05)

    assert bounds == pytest.approx(expected)


def test_the_names_of_clusters_don_t_matter() -> None:
    """Codes, gaps between codes and text give one answer."""
    scored = score("mae", np.arange(12.0), np.zeros(12))
    days = np.repeat([0, 1, 2], [2, 4, 6])

    answers = [estimate(scored, names) for names in (days, days * 100 - 7, np.array(["b", "a", "c"])[days])]

    assert answers[0].standard_error == pytest.approx(answers[1].standard_error)
    assert answers[0].standard_error == pytest.approx(answers[2].standard_error)
    assert {answer.clusters for answer in answers} == {3}


def test_unequal_clusters_have_fewer_degrees_of_freedom() -> None:
    """Twenty customers of whom one holds most rows are nearly one customer."""
    scored = score("mae", np.random.default_rng(1).normal(size=400), np.zeros(400))

    equal = estimate(scored, np.repeat(np.arange(20), 20))
    unequal = estimate(scored, np.repeat(np.arange(20), [210, *[10] * 19]))

    assert equal.freedom == pytest.approx(19)
    assert unequal.freedom == pytest.approx(400**2 / (210**2 + 19 * 100) - 1)
    assert equal.clusters == unequal.clusters == 20


@pytest.mark.parametrize("metric", ["auc", "brier", "log_loss", "accuracy"])
def test_a_block_bootstrap_of_days_agrees(metric: str) -> None:
    """Drawing days and scoring again knows no formula, and finds the same error."""
    label, candidate, other, days = clustered_world(np.random.default_rng(2), days=60, per_day=40, effect=0.5)
    by_formula = paired(score(metric, label, candidate), score(metric, label, other), days)

    drawn = block_bootstrap(metric, label, candidate, other, clusters=days, draws=600)

    assert drawn.value == pytest.approx(by_formula.value)
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


@pytest.mark.parametrize("length", [0, 11])
def test_blocks_longer_than_half_the_clusters_are_refused(length: int) -> None:
    """Two blocks at least, or every draw is the same rows turned round."""
    with pytest.raises(PermanentError, match="expected 1 to 10"):
        block_bootstrap("mae", np.arange(20.0), np.zeros(20), length=length)


def test_a_bootstrap_of_nothing_has_its_reason() -> None:
    """One class only is no AUC, drawn or not."""
    assert isinstance(block_bootstrap("auc", np.zeros(9), np.arange(9.0)), Undefined)


def clustered_world(
    random: np.random.Generator, days: int, per_day: int, effect: float, *, sizes: Any = None, gain: float = 0.0
) -> tuple[Floats, Floats, Floats, Any]:
    """Return label, two models' scores, days: each model has better and worse days; equal on average at gain 0."""
    counts = np.full(days, per_day) if sizes is None else np.asarray(sizes)
    day = np.repeat(np.arange(days), counts)
    rows = len(day)
    harder = random.normal(0, effect, days)[day]
    label = (random.random(rows) < 1 / (1 + np.exp(1.0 + harder))).astype(float)
    seen = 0.7 * random.normal(size=rows)
    candidate, other = (
        (1 + extra + random.normal(0, effect, days)[day]) * label + seen + 0.7 * random.normal(size=rows)
        for extra in (gain, 0)
    )
    squash = [1 / (1 + np.exp(0.5 - guess)) for guess in (candidate, other)]
    return label, squash[0], squash[1], day


def passes(
    random: np.random.Generator, metric: str, clustered: bool = True, simulations: int = SIMULATIONS, **world: Any
) -> tuple[int, int]:
    """Return how often the candidate was shown credibly better, and how often the interval missed zero."""
    better = missed = 0
    for _ in range(simulations):
        label, candidate, other, day = clustered_world(random, **world)
        delta = paired(score(metric, label, candidate), score(metric, label, other), day if clustered else None)
        low, high = interval(delta, LEVEL)
        better += low > 0
        missed += low > 0 or high < 0
    return better, missed


def upper(count: int, of: int = SIMULATIONS) -> float:
    """Return the 99 % Clopper-Pearson upper bound of a share."""
    return stats.beta.ppf(0.99, count + 1, of - count)


CUSTOMERS = [400, 150, 80, 60, *[15] * 26]
WORLDS = {
    "independent rows": {"days": 400, "per_day": 1, "effect": 0},
    "three weeks of days": {"days": 21, "per_day": 40, "effect": 0.5},
    "two weeks of days": {"days": 14, "per_day": 60, "effect": 0.5},
    "few large customers": {"days": 30, "per_day": 0, "effect": 0.5, "sizes": CUSTOMERS},
}


@pytest.mark.parametrize("metric", ["auc", "brier"])
@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS.keys())
def test_equal_models_are_told_apart_no_oftener_than_promised(metric: str, world: Any) -> None:
    """At two-sided 5 % the 99 % upper bound of the rate is below 1.5 x 5 %, with dependent rows too."""
    better, missed = passes(np.random.default_rng(17), metric, **world)

    assert upper(missed) <= 1.5 * LEVEL
    assert upper(better) <= 1.5 * LEVEL / 2


def test_rows_taken_as_independent_break_the_promise() -> None:
    """The same days, unclustered, pass equal models many times too often: the simulation can fail."""
    _, missed = passes(
        np.random.default_rng(17), "auc", clustered=False, simulations=600, **WORLDS["three weeks of days"]
    )

    assert missed / 600 > 4 * LEVEL


@pytest.mark.parametrize("world", ["independent rows", "three weeks of days"])
def test_a_real_gain_is_found(world: Any) -> None:
    """Power at a named effect, about 0.08 of AUC: never deciding is not a way to keep the level."""
    better, _ = passes(np.random.default_rng(23), "auc", simulations=200, gain=0.6, **WORLDS[world])

    assert better / 200 >= 0.8


def test_the_same_model_twice_is_a_tie() -> None:
    """A candidate with the champion's own answers is not better by rounding."""
    label, candidate, _, day = clustered_world(np.random.default_rng(1), 14, 50, 0.5)

    delta = paired(score("auc", label, candidate), score("auc", label, candidate.copy()), day)

    assert interval(delta, LEVEL) == (0, 0)


def test_as_many_clusters_as_said_find_the_distance() -> None:
    """Simulated means of as many clusters as asked for reach the promised power, and not by far more."""
    error_of_nine, distance = 1 / 3, 0.4
    needed = clusters_needed(error_of_nine, 9, distance, LEVEL, power=0.8)

    drawn = np.random.default_rng(9).normal(distance, 1, size=(4000, needed))
    reach = stats.t.ppf(1 - LEVEL / 2, needed - 1) * drawn.std(axis=1, ddof=1) / np.sqrt(needed)
    found = (drawn.mean(axis=1) - reach > 0).mean()

    assert 0.78 <= found <= 0.84


@pytest.mark.parametrize(
    ("error", "clusters", "distance"),
    [(0.01, 21, 0.0), (0.01, 21, -0.1), (0.01, 1, 0.1), (float("nan"), 21, 0.1), (1.0, 21, 1e-9)],
)
def test_no_number_of_clusters_shows_nothing(error: float, clusters: int, distance: float) -> None:
    """No distance, no error known, or longer than anybody waits: None."""
    assert clusters_needed(error, clusters, distance, LEVEL) is None


def test_more_clusters_are_needed_for_less() -> None:
    """Half the distance needs about four times the clusters."""
    far, near = (clusters_needed(0.01, 21, distance, LEVEL) for distance in (0.01, 0.005))

    assert near == pytest.approx(4 * far, rel=0.05)
