"""The verdict as a whole: worst deciding answer, level of the look, policy by name and digest."""

from itertools import product
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.gate.judge import RULES, judge, policy_name, worst
from headgate.gate.packs import load
from headgate.gate.rules.credible import claim, within
from headgate.records.codec import digest, encode
from headgate.records.judgement import Estimate, Evaluation, Finding, Verdict, VerdictOutcome
from headgate.specs.gate import AnyRule, Gate
from headgate.stats.spending import alpha_at
from unit.gate.evidence import ANCHOR, CANDIDATE, CHAMPION, calibrated_well, compared, evaluation, service

RANK = {"fail": 0, "inconclusive": 1, "pass": 2}
GOOD = evaluation(calibration=calibrated_well())


def judged(evidence: Evaluation, policy: str = "balanced") -> Verdict:
    return judge(evidence, load(Gate(policy=policy), "auc"), service(), CHAMPION)


def said(outcome: str, severity: str = "error") -> Finding:
    return Finding(rule="r", outcome=outcome, severity=severity, reason="", limit="")  # type: ignore[arg-type]


@pytest.mark.parametrize("policy", ["balanced", "strict", "permissive"])
def test_a_clearly_better_candidate_passes_every_pack(policy: str) -> None:
    """Each pack can be passed."""
    verdict = judged(GOOD, policy)

    assert verdict.outcome == "pass", [f for f in verdict.findings if f.outcome != "pass"]


@pytest.mark.parametrize("policy", ["balanced", "strict", "permissive"])
def test_a_clearly_worse_candidate_fails_every_pack(policy: str) -> None:
    """Each pack can be failed."""
    worse = (compared("auc", "champion", -0.05, 0.005), *GOOD.comparisons[1:])

    verdict = judged(evaluation(comparisons=worse, calibration=calibrated_well()), policy)

    assert verdict.outcome == "fail"


@pytest.mark.parametrize("policy", ["balanced", "strict", "permissive"])
def test_a_first_model_passes_every_pack_without_a_champion(policy: str) -> None:
    """Nothing to be compared with is not held against it: baseline and floor are."""
    first = evaluation(champion=None, anchor=None, comparisons=GOOD.comparisons[2:3], calibration=calibrated_well())

    verdict = judge(first, load(Gate(policy=policy), "auc"), service(), None)

    assert verdict.outcome == "pass", [f for f in verdict.findings if f.outcome != "pass"]
    assert "no champion yet" in {f.reason for f in verdict.findings}


def test_thin_evidence_is_inconclusive_and_says_how_many_days() -> None:
    """A wide interval neither promotes nor refuses."""
    thin = (compared("auc", "champion", 0.01, 0.01), *GOOD.comparisons[1:])

    verdict = judged(evaluation(comparisons=thin, calibration=calibrated_well()))

    waiting = [finding for finding in verdict.findings if finding.outcome == "inconclusive"]
    assert verdict.outcome == "inconclusive"
    assert [finding.rule for finding in waiting] == ["gain auc"]
    assert cast("int", waiting[0].days_needed) > 0


@pytest.mark.parametrize(("one", "other"), list(product(RANK, RANK)))
def test_the_worst_deciding_answer_is_the_verdict(one: str, other: str) -> None:
    """fail beats inconclusive beats pass."""
    expected = min(one, other, key=RANK.__getitem__)

    assert worst((said(one), said(other))) == expected


@pytest.mark.parametrize("outcome", RANK)
def test_a_warning_never_decides(outcome: str) -> None:
    """Whatever a warning says, the verdict is the others'."""
    assert worst((said(outcome, "warning"), said("pass"))) == "pass"


def test_the_verdict_names_everything_it_rests_on() -> None:
    """Roles, evidence by digest, policy by digest, level and look."""
    verdict = judged(GOOD)

    assert verdict.model.sha256 == CANDIDATE
    assert (verdict.champion, verdict.anchor) == (CHAMPION, ANCHOR)
    assert verdict.evaluation == digest(GOOD)
    assert verdict.policy == policy_name(load(Gate(), "auc"))
    assert verdict.policy.startswith("balanced@")
    assert verdict.alpha == alpha_at(1, 0.05)


def test_a_later_look_is_judged_at_a_smaller_level() -> None:
    """A gain that passes at the first look does not at the third."""
    close = (compared("auc", "champion", 0.010, 0.0042), *GOOD.comparisons[1:])

    first, third = (judged(evaluation(comparisons=close, calibration=calibrated_well(), look=look)) for look in (1, 3))

    assert (first.outcome, third.outcome) == ("pass", "inconclusive")
    assert third.alpha < first.alpha


def test_the_same_evidence_gives_the_same_bytes() -> None:
    """Judging is a function."""
    assert encode(judged(GOOD)) == encode(judged(GOOD))


def test_every_kind_of_rule_has_a_module() -> None:
    """The registry knows each member of the union of rules."""
    assert set(RULES) == set(AnyRule.__args__)


ESTIMATES = st.builds(
    Estimate,
    value=st.floats(-1, 1),
    standard_error=st.floats(0, 0.5),
    rows=st.just(900),
    clusters=st.integers(2, 200),
)


@given(ESTIMATES, st.floats(-0.5, 0.5), st.floats(0.001, 0.5))
def test_a_claim_mirrored_is_the_same_claim(estimate: Estimate, limit: float, detect: float) -> None:
    """More-is-better and less-is-better are one rule."""
    mirrored = Estimate(
        value=-estimate.value, standard_error=estimate.standard_error, rows=900, clusters=estimate.clusters
    )

    up = claim(estimate, limit, limit + detect, 0.05)
    down = claim(mirrored, -limit, -limit - detect, 0.05)

    assert (up.outcome, up.more_clusters) == (down.outcome, down.more_clusters)


@given(ESTIMATES, st.floats(0, 1), st.floats(-0.5, 0.5), st.floats(0.001, 0.5))
def test_a_better_value_is_never_judged_worse(estimate: Estimate, more: float, limit: float, detect: float) -> None:
    """Outcomes rise with the value: fail, inconclusive, pass."""
    better = Estimate(
        value=estimate.value + more, standard_error=estimate.standard_error, rows=900, clusters=estimate.clusters
    )

    outcomes: list[VerdictOutcome] = [claim(e, limit, limit + detect, 0.05).outcome for e in (estimate, better)]

    assert RANK[outcomes[0]] <= RANK[outcomes[1]]


@given(ESTIMATES, st.floats(0.001, 0.5), st.floats(0.001, 0.049))
def test_a_stricter_level_never_passes_more(estimate: Estimate, detect: float, alpha: float) -> None:
    """What does not pass at 5 % does not pass at less."""
    strict, loose = claim(estimate, 0.0, detect, alpha), claim(estimate, 0.0, detect, 0.05)

    assert loose.outcome == "pass" or strict.outcome != "pass"


@given(ESTIMATES, st.floats(0.001, 0.5))
def test_within_passes_exactly_when_the_interval_is_inside(estimate: Estimate, limit: float) -> None:
    """Two one-sided tests are one interval inside both limits."""
    said_of_it = within(estimate, limit, 0.05)

    assert (said_of_it.outcome == "pass") == (-limit < said_of_it.low and said_of_it.high < limit)
