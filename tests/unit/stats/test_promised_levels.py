"""Intervals keep their level and find real gains, on independent and on clustered rows: by simulation."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from headgate.stats.clustered import interval, paired
from headgate.stats.metrics import Floats, score

LEVEL = 0.05
SIMULATIONS = 4000
CUSTOMERS = [400, 150, 80, 60, *[15] * 26]
WORLDS = {
    "independent rows": {"days": 400, "per_day": 1, "effect": 0},
    "three weeks of days": {"days": 21, "per_day": 40, "effect": 0.5},
    "two weeks of days": {"days": 14, "per_day": 60, "effect": 0.5},
    "few large customers": {"days": 30, "per_day": 0, "effect": 0.5, "sizes": CUSTOMERS},
}


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


@pytest.mark.parametrize("metric", ["auc", pytest.param("brier", marks=pytest.mark.full)])
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
