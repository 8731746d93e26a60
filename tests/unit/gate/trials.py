"""Trials in worlds where the truth is known: how often does a rule pass what it should not, and what it should?

Scores are binormal: label x distance + noise, so that AUC = Phi(distance / sqrt(2 x variance)). Clustered worlds give
every day a noise of its own, one for each model, which moves all rows of the day.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr, ndtri

from headgate.gate.judge import judge
from headgate.records.judgement import Comparison, Evaluation, Measured
from headgate.specs.gate import AnyRule, Pack
from headgate.specs.service import Service
from headgate.stats.clustered import estimate, paired
from headgate.stats.metrics import Scored, score
from headgate.stats.spending import alpha_at
from unit.gate.evidence import CHAMPION, evaluation

Floats = NDArray[np.float64]
ALPHA = 0.05
"""Two-sided, for all looks at one holdout."""
LEVEL = alpha_at(1, ALPHA) / 2
"""How often a first look may pass by chance what it should not: the upper side of three quarters of alpha, 1.875 %."""
DAYS, ROWS = 30, 900
INDEPENDENT, CLUSTERED = 0.0, 0.5
"""Standard deviation of a day's own noise, beside a row's of 1."""


@dataclass(frozen=True)
class Rows:
    """Labels of one trial and the day of each row."""

    label: Floats
    day: NDArray[np.int64]


def rows_of(rng: np.random.Generator, spread: float, rows: int = ROWS) -> Rows:
    """Return rows whose share of ones varies by day where the world is clustered."""
    day = np.arange(rows) * DAYS // rows
    rate = ndtr(-0.4 + rng.normal(0, spread, DAYS)[day])
    return Rows((rng.random(rows) < rate).astype(float), day)


def scores(rng: np.random.Generator, rows: Rows, auc: float, spread: float) -> Floats:
    """Return the scores of a model whose true AUC is `auc`."""
    own_days = rng.normal(0, spread, DAYS)[rows.day]
    distance = ndtri(auc) * sqrt(2 * (1 + spread**2))
    return rows.label * distance + rng.normal(size=len(rows.day)) + own_days


def scored(rows: Rows, prediction: Floats, metric: str = "auc") -> Scored:
    found = score(metric, rows.label, prediction)
    assert isinstance(found, Scored)
    return found


def paired_case(rows: Rows, candidate: Floats, other: Floats, against: str) -> Evaluation:
    """Return evidence with one comparison of AUCs."""
    delta = paired(scored(rows, candidate), scored(rows, other), rows.day)
    return evaluation(comparisons=(Comparison(metric="auc", against=against, delta=delta),))  # type: ignore[arg-type]


def single_case(rows: Rows, candidate: Floats) -> Evaluation:
    """Return evidence with the candidate's AUC alone."""
    found = estimate(scored(rows, candidate), rows.day)
    return evaluation(metrics=(Measured(metric="auc", role="candidate", estimate=found),))  # type: ignore[arg-type]


def outcomes(
    rule: AnyRule, spec: Service, case: Callable[[np.random.Generator], Evaluation], trials: int, seed: int
) -> dict[str, int]:
    """Return how often each outcome came, over independent trials."""
    pack = Pack(pack="trial", why="one rule", alpha=ALPHA, rules=(rule,))
    rng = np.random.default_rng(seed)
    found = [judge(case(rng), pack, spec, CHAMPION).outcome for _ in range(trials)]
    return {outcome: found.count(outcome) for outcome in ("pass", "fail", "inconclusive")}


def upper_bound(hits: int, trials: int) -> float:
    """Return the 99 % Clopper-Pearson upper bound of a rate."""
    return 1.0 if hits == trials else float(betaincinv(hits + 1, trials - hits, 0.99))


def lower_bound(hits: int, trials: int) -> float:
    """Return the 99 % Clopper-Pearson lower bound of a rate."""
    return float(betaincinv(hits, trials - hits + 1, 0.01)) if hits else 0.0
