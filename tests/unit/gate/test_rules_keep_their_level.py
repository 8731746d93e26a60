"""Every statistical rule passes what it should not at most as often as it says, and passes what it should."""

from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from headgate.gate.judge import judge
from headgate.records.judgement import Calibration, Comparison, Evaluation, Measured, Slice
from headgate.specs.gate import AnyRule, Baseline, Calibrated, Floor, Gain, NonInferior, Pack, Slices
from headgate.specs.service import Task
from headgate.stats.clustered import estimate, paired
from headgate.stats.metrics import Scored, score
from unit.gate.evidence import CHAMPION, evaluation, service
from unit.gate.trials import (
    ALPHA,
    CLUSTERED,
    INDEPENDENT,
    LEVEL,
    lower_bound,
    outcomes,
    paired_case,
    rows_of,
    scored,
    scores,
    single_case,
    upper_bound,
)

World = Callable[[np.random.Generator, float, float], Evaluation]
WORLDS = pytest.mark.parametrize("spread", [INDEPENDENT, CLUSTERED], ids=["independent", "clustered"])
SLICES = 3
PREDICTED = 0.4
LOOKERS = 1500
TRIALS, MANY = 600, 5000
MORE = {"floor": 20_000}
"""An AUC near the floor, on days that differ, passes 2.5 % by chance: only so many trials tell that from 2.8 %."""


def floor_world(rng: np.random.Generator, spread: float, truth: float) -> Evaluation:
    """A candidate whose AUC is `truth`."""
    rows = rows_of(rng, spread)
    return single_case(rows, scores(rng, rows, truth, spread))


def against(other: str, other_auc: float) -> World:
    """A candidate whose AUC is `truth` more than the other role's."""

    def world(rng: np.random.Generator, spread: float, truth: float) -> Evaluation:
        rows = rows_of(rng, spread)
        candidate, known = scores(rng, rows, other_auc + truth, spread), scores(rng, rows, other_auc, spread)
        return paired_case(rows, candidate, known, other)

    return world


def baseline_world(rng: np.random.Generator, spread: float, truth: float) -> Evaluation:
    """A candidate whose AUC is `truth` more than the constant's one half."""
    rows = rows_of(rng, spread)
    return paired_case(rows, scores(rng, rows, 0.5 + truth, spread), np.full(len(rows.day), 0.4), "baseline")


def slices_world(rng: np.random.Generator, spread: float, truth: float) -> Evaluation:
    """Three slices: the candidate is far better in two, and `truth` better in one."""
    found = []
    for number, delta in enumerate([0.2] * (SLICES - 1) + [truth]):
        rows = rows_of(rng, spread)
        sides = [scored(rows, scores(rng, rows, auc, spread)) for auc in (0.7 + delta, 0.7)]
        difference = paired(sides[0], sides[1], rows.day)
        found.append(
            Slice(
                name=f"s={number}", metric="auc", candidate=0.7, champion=0.7, delta=difference, rows=900, clusters=30
            )  # type: ignore[arg-type]
        )
    return evaluation(slices=tuple(found))


def harmless_world(rng: np.random.Generator, spread: float, truth: float) -> Evaluation:
    """Three slices: the candidate is `truth` better in each."""
    found = []
    for number in range(SLICES):
        rows = rows_of(rng, spread)
        sides = [scored(rows, scores(rng, rows, auc, spread)) for auc in (0.7 + truth, 0.7)]
        difference = paired(sides[0], sides[1], rows.day)
        found.append(
            Slice(
                name=f"s={number}", metric="auc", candidate=0.7, champion=0.7, delta=difference, rows=900, clusters=30
            )  # type: ignore[arg-type]
        )
    return evaluation(slices=tuple(found))


def calibrated_world(rng: np.random.Generator, spread: float, truth: float) -> Evaluation:
    """A candidate that says .4 where the mean is .4 plus `truth`; days are half or one and a half as likely."""
    day = np.arange(900) * 30 // 900
    rate = (PREDICTED + truth) * (1 + spread * rng.choice([-0.5, 0.5], 30)[day])
    gap = (rng.random(900) < rate) - PREDICTED
    mean = estimate(Scored(float(gap.mean()), gap - gap.mean()), day)
    return evaluation(calibration=(Calibration(role="candidate", in_the_large=mean, expected_error=0.01, bins=()),))  # type: ignore[arg-type]


def regression_world(rng: np.random.Generator, spread: float, truth: float) -> Evaluation:
    """A candidate whose squared errors are `truth` (a share) smaller than the champion's; the baseline's rmse is 2."""
    day = np.arange(900) * 30 // 900
    label = 2 * rng.normal(size=900)
    noise = [rng.normal(size=900) * np.exp(rng.normal(0, spread / 2, 30)[day]) for _ in range(2)]
    sides = [score("rmse", label, label + error) for error in (noise[0] * (1 - truth), noise[1])]
    delta = Comparison(metric="rmse", against="champion", delta=paired(sides[0], sides[1], day))  # type: ignore[arg-type]
    baseline = Measured(metric="rmse", role="baseline", estimate=estimate(score("rmse", label, 0 * label), day))  # type: ignore[arg-type]
    return evaluation(metrics=(baseline,), comparisons=(delta,))


PROOF = Calibrated(in_the_large=0.1, expected_error=0.5, require="proof")
NO_HARM = Calibrated(in_the_large=0.1, expected_error=0.5)
CLAIMS: dict[str, tuple[AnyRule, World, float, float]] = {
    # rule, world, largest truth that must not pass, truth that must pass
    "floor": (Floor(limit=0.6), floor_world, 0.6, 0.69),
    "baseline": (Baseline(), baseline_world, 0.0, 0.1),
    "gain": (Gain(), against("champion", 0.7), 0.0, 0.1),
    "gain by more": (Gain(more_than=0.02), against("champion", 0.7), 0.02, 0.12),
    "gain rmse": (Gain(metric="rmse"), regression_world, 0.0, 0.25),
    "non_inferior": (NonInferior(margin=0.1), against("anchor", 0.7), -0.1, 0.02),
    "slices": (Slices(margin=0.1, require="non_inferior"), slices_world, -0.1, 0.01),
    "calibrated": (PROOF, calibrated_world, 0.1, 0.0),
}
TASKS: dict[str, Task] = {"gain rmse": "regression"}
REFUSALS: dict[str, tuple[AnyRule, World, float, float]] = {
    # rule, world, largest harm that must not fail, harm that must fail
    "slices": (Slices(margin=0.02), harmless_world, -0.02, -0.15),
    "calibrated": (NO_HARM, calibrated_world, 0.1, 0.22),
}


@WORLDS
@pytest.mark.parametrize("name", CLAIMS)
def test_a_rule_seldom_passes_a_candidate_on_the_limit(name: str, spread: float) -> None:
    """Trials that `make test` has time for don't show a false-pass rate beyond 1.5 times the level."""
    rule, world, limit, _ = CLAIMS[name]

    found = outcomes(rule, service(TASKS.get(name, "binary")), lambda rng: world(rng, spread, limit), TRIALS, seed=11)

    assert lower_bound(found["pass"], TRIALS) <= 1.5 * LEVEL, found


@WORLDS
@pytest.mark.parametrize("name", CLAIMS)
def test_a_rule_passes_a_candidate_well_beyond_the_limit(name: str, spread: float) -> None:
    """Power is at least 0.8 at the named effect, so that 'always inconclusive' would fail."""
    rule, world, _, effect = CLAIMS[name]

    found = outcomes(rule, service(TASKS.get(name, "binary")), lambda rng: world(rng, spread, effect), 200, seed=12)

    assert found["pass"] >= 0.8 * 200, found


@WORLDS
@pytest.mark.parametrize("name", REFUSALS)
def test_a_rule_seldom_refuses_harm_within_the_limit(name: str, spread: float) -> None:
    """Likewise the rate of false refusals, over all slices together."""
    rule, world, limit, _ = REFUSALS[name]

    found = outcomes(rule, service(TASKS.get(name, "binary")), lambda rng: world(rng, spread, limit), TRIALS, seed=13)

    assert lower_bound(found["fail"], TRIALS) <= 1.5 * LEVEL, found


@WORLDS
@pytest.mark.parametrize("name", REFUSALS)
def test_a_rule_refuses_harm_well_beyond_the_limit(name: str, spread: float) -> None:
    """Power of refusal is at least 0.8 at the named harm."""
    rule, world, _, effect = REFUSALS[name]

    found = outcomes(rule, service(TASKS.get(name, "binary")), lambda rng: world(rng, spread, effect), 200, seed=14)

    assert found["fail"] >= 0.8 * 200, found


@pytest.mark.full
@WORLDS
@pytest.mark.parametrize("name", CLAIMS)
def test_a_rule_keeps_its_level_over_many_trials(name: str, spread: float) -> None:
    """The 99 % upper bound of the false-pass rate at a first look is at most 1.5 times its level."""
    rule, world, limit, _ = CLAIMS[name]
    trials = MORE.get(name, MANY)

    found = outcomes(rule, service(TASKS.get(name, "binary")), lambda rng: world(rng, spread, limit), trials, seed=15)

    assert upper_bound(found["pass"], trials) <= 1.5 * LEVEL, found


@pytest.mark.full
@WORLDS
@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_keeps_its_level_over_many_trials(name: str, spread: float) -> None:
    """The 99 % upper bound of the false-refusal rate at a first look is at most 1.5 times its level."""
    rule, world, limit, _ = REFUSALS[name]
    trials = MORE.get(name, MANY)

    found = outcomes(rule, service(TASKS.get(name, "binary")), lambda rng: world(rng, spread, limit), trials, seed=16)

    assert upper_bound(found["fail"], trials) <= 1.5 * LEVEL, found


def test_rows_that_are_called_independent_and_are_not_pass_too_often() -> None:
    """The reason for clusters: the same clustered world judged row by row breaks the level."""

    def row_by_row(rng: np.random.Generator) -> Evaluation:
        rows = rows_of(rng, 2.0)
        sides = [scored(rows, scores(rng, rows, 0.7, 2.0)) for _ in range(2)]
        delta = paired(sides[0], sides[1], None)
        return evaluation(comparisons=(Comparison(metric="auc", against="champion", delta=delta),))  # type: ignore[arg-type]

    found = outcomes(Gain(), service(), row_by_row, 200, seed=16)

    assert lower_bound(found["pass"], 200) > 1.5 * LEVEL, found


@WORLDS
def test_five_tries_at_one_holdout_pass_no_more_often_than_alpha_says(spread: float) -> None:
    """Alpha is spent over looks: reseeding until something passes stays within one side of it, 2.5 %."""
    rng = np.random.default_rng(17)
    pack = Pack(pack="trial", why="one rule", alpha=ALPHA, rules=(Gain(),))

    promoted = 0
    for _ in range(LOOKERS):
        rows = rows_of(rng, spread)
        champion = scores(rng, rows, 0.7, spread)
        tries = (paired_case(rows, scores(rng, rows, 0.7, spread), champion, "champion") for _ in range(5))
        looks = (msgspec.structs.replace(case, look=number) for number, case in enumerate(tries, start=1))
        promoted += any(judge(case, pack, service(), CHAMPION).outcome == "pass" for case in looks)

    assert upper_bound(promoted, LOOKERS) <= 1.5 * ALPHA / 2, promoted
