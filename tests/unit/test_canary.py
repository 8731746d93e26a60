"""The canary's judgement: what fails, what passes, what holds, and how often chance alone would abort."""

import math
import re
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaincinv

from headgate import canary
from headgate.canary import ALPHA, QUESTIONS, Sample, judge, next_move
from headgate.errors import PermanentError
from headgate.local.tallies import carried, tallies
from headgate.names import Commit, Digest, Name
from headgate.ports import Count
from headgate.records.live import Analysis, Revision, Target
from headgate.specs.canary import Canary, Limits
from headgate.stats.sequential import log_evidence

START = datetime(2013, 7, 1, tzinfo=UTC)
PLAN = Canary()
TARGET = Target(
    commit=Commit("a" * 40), revision=Revision(model=Digest("b" * 64), settings=Digest("c" * 64), chart="0.1.0/0.1.0")
)
GOOD = Sample(canary=Count(1000, 0), stable=Count(9000, 9))


def analysis(
    errors: Sample | None = GOOD, p99: Sample | None = GOOD, *, plan: Canary = PLAN, waited: timedelta = timedelta(0)
) -> Analysis:
    samples = {name: sample for name, sample in (("errors", errors), ("p99", p99)) if sample}
    return judge(
        plan,
        samples,
        environment=Name("prod"),
        service=Name("flights"),
        target=TARGET,
        weight=10,
        started_at=START,
        now=START + waited,
    )


def test_an_unknown_question_is_refused_with_the_one_it_may_mean() -> None:
    """Before any traffic moves."""
    with pytest.raises(PermanentError, match=r"canary.questions names 'error'. Did you mean 'errors'\?"):
        analysis(plan=Canary(questions=("error",)))


def test_a_p99_limit_between_two_buckets_is_refused() -> None:
    """A share that cannot be counted is not guessed."""
    with pytest.raises(PermanentError, match="p99_ms is 60, which no bucket") as caught:
        analysis(plan=Canary(limits=Limits(p99_ms=60)))

    assert "25, 50, 100" in str(caught.value.next_step)


def test_a_plan_without_steps_is_refused() -> None:
    """Nothing takes over unjudged."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"steps": []}, Canary)


def test_a_good_canary_passes_and_shows_its_numbers() -> None:
    """Both shares keep their limits over enough answers."""
    result = analysis()

    assert result.outcome == "pass"
    assert (result.canary_requests, result.stable_requests) == (1000, 9000)
    assert result.answers[0].stable_share == pytest.approx(0.001)
    assert result.answers[0].detail == "0 of 1000 answers had a 5xx code"


@pytest.mark.parametrize("spoiled", ["errors", "p99"])
def test_a_canary_with_every_answer_bad_fails_within_six_answers(spoiled: str) -> None:
    """One question is enough, at the default limits and the smallest level a step is given."""

    def outcome(answers: int) -> str:
        return analysis(**{"errors": GOOD, "p99": GOOD, spoiled: Sample(canary=Count(answers, answers))}).outcome

    first = next(answers for answers in range(1, 100) if outcome(answers) == "fail")

    assert first <= 6


def test_no_data_is_inconclusive_and_holds() -> None:
    """Silence is neither success nor guilt."""
    for sample in (None, Sample(canary=None), Sample(canary=Count(0, 0))):
        result = analysis(errors=sample, waited=PLAN.pause)

        assert result.outcome == "inconclusive"
        assert next_move(result, PLAN, 0) == "hold"


def test_unreachable_metrics_are_an_error_and_hold() -> None:
    """An outage of the metrics looks unlike a bad model."""
    result = analysis(errors=Sample(canary=None, error="no metrics from x"), waited=PLAN.pause)

    assert (result.outcome, result.answers[0].detail) == ("error", "no metrics from x")
    assert next_move(result, PLAN, 0) == "hold"


def test_a_proven_fault_aborts_although_the_other_question_cannot_be_asked() -> None:
    """Guilt that is beyond doubt waits for nothing."""
    result = analysis(errors=Sample(canary=Count(50, 50)), p99=Sample(canary=None, error="gone"))

    assert next_move(result, PLAN, 0) == "abort"


def test_too_few_answers_hold_although_none_was_bad() -> None:
    """The step's minimum is part of the plan."""
    few = Sample(canary=Count(PLAN.min_requests - 1, 0))

    assert next_move(analysis(errors=few, waited=PLAN.pause), PLAN, 0) == "hold"


def test_a_share_over_the_limit_that_chance_explains_holds() -> None:
    """2 of 150 is more than 1 %, and proves nothing."""
    result = analysis(errors=Sample(canary=Count(150, 2)), waited=PLAN.pause)

    assert result.outcome == "inconclusive"
    assert "over 1.00%, which chance may explain" in result.answers[0].detail


def test_a_passed_step_waits_for_its_pause_then_advances_and_the_last_one_promotes() -> None:
    """10, 25, 50, then all."""
    early = analysis(waited=PLAN.pause - timedelta(seconds=1))
    late = analysis(waited=PLAN.pause)

    moves = [next_move(early, PLAN, 0)] + [next_move(late, PLAN, step) for step in range(3)]

    assert moves == ["hold", "advance", "advance", "promote"]


def test_a_held_canary_ends_at_the_deadline() -> None:
    """Without an abort: it is not guilty."""
    held = analysis(errors=Sample(canary=None), waited=PLAN.deadline)

    assert next_move(held, PLAN, 2) == "end"


def test_a_failed_analysis_aborts_even_at_the_deadline_and_a_passed_one_still_promotes() -> None:
    """What is known wins over the clock."""
    failed = analysis(errors=Sample(canary=Count(50, 50)), waited=PLAN.deadline)
    passed = analysis(waited=PLAN.deadline)

    assert [next_move(failed, PLAN, 2), next_move(passed, PLAN, 2)] == ["abort", "promote"]


def test_no_questions_never_promote() -> None:
    """A plan that asks nothing learns nothing."""
    plan = Canary(questions=())

    assert next_move(analysis(plan=plan, waited=plan.pause), plan, 2) == "hold"


def test_counts_survive_a_killed_ring() -> None:
    """What was counted before the crash is added to what the new servers count."""
    before = tallies({"errors": Sample(canary=Count(40, 1), stable=Count(400, 0))})

    resumed = carried({"errors": Sample(canary=Count(10, 2)), "p99": GOOD}, before)

    assert resumed["errors"] == Sample(canary=Count(50, 3), stable=Count(400, 0))
    assert resumed["p99"] == GOOD


def test_a_healthy_canary_is_aborted_by_chance_at_most_as_often_as_promised() -> None:
    """Both questions just at their limits, looked at after every answer of 3 steps: worst case, 500 canaries."""
    generator = np.random.default_rng(20130701)
    canaries, requests = 500, 1500
    bar = math.log(1 / canary.level(PLAN))
    bad = generator.random((canaries, 3, 2, requests)) < 0.01
    cumulative = bad.cumsum(axis=-1)
    seen = np.arange(1, requests + 1)

    over = (log_evidence(cumulative, seen, 0.01) >= bar) & (cumulative > 0.01 * seen)

    aborted = int(over.any(axis=(1, 2, 3)).sum())
    worst = betaincinv(aborted + 1, canaries - aborted, 0.99)  # Clopper and Pearson's upper bound
    assert worst <= 1.5 * ALPHA


def test_a_canary_at_five_times_its_limit_is_aborted_with_power() -> None:
    """A bound that never fails anything would pass the test above."""
    generator = np.random.default_rng(7)
    bad = generator.binomial(1000, 0.05, size=200)

    failed = [analysis(errors=Sample(canary=Count(1000, int(count)))).outcome == "fail" for count in bad]

    assert np.mean(failed) >= 0.8


@given(
    requests=st.integers(0, 20_000),
    share=st.floats(0, 1),
    limit=st.sampled_from([0.001, 0.01, 0.05, 0.2]),
    least=st.sampled_from([1, 100]),
)
@settings(max_examples=300, deadline=None)
def test_the_promql_judges_as_the_ring_does(requests: int, share: float, limit: float, least: int) -> None:
    """One definition: the rendered expression, worked out by hand, gives the ring's outcome."""
    bad = int(requests * share)
    plan = Canary(questions=("errors",), min_requests=least, limits=Limits(errors=limit))
    level = canary.level(plan)
    near = abs(float(log_evidence(bad, requests, limit)) - math.log(1 / level)) < 0.01
    query = canary.promql_judgement(
        bad="bad", requests="requests", limit=str(limit), alpha=str(level), min_requests=str(least)
    )
    python = query.replace(" bool ", " ").replace("^", "**")

    value = eval(python, {"bad": bad, "requests": requests, "ln": math.log, "vector": float})
    outcome = canary.answer(QUESTIONS["errors"], Sample(canary=Count(requests, bad)), plan).outcome

    assert near or {1: "fail", -1: "pass", 0: "inconclusive"}[value] == outcome


def test_the_questions_count_the_server_s_metrics_in_promql() -> None:
    """Errors by code, slowness by the bucket under the limit."""
    errors = canary.promql(QUESTIONS["errors"], service="flights", namespace="prod", pod_hash="5f", bound="0.05")
    p99 = canary.promql(QUESTIONS["p99"], service="flights", namespace="prod", pod_hash="5f", bound="0.05")

    pods = 'service="flights",namespace="prod",rollouts_pod_template_hash="5f"'
    total = f"sum(headgate_requests_total{{{pods}}})"
    assert errors == canary.Query(total, f'(sum(headgate_requests_total{{{pods},code=~"5.."}}) or 0 * {total})')
    seconds = f"sum(headgate_request_seconds_count{{{pods}}})"
    assert p99.bad == f'({seconds} - sum(headgate_request_seconds_bucket{{{pods},le="0.05"}}))'


def test_the_rendered_questions_are_yaml_with_every_question_and_only_known_placeholders() -> None:
    """What the chart fills in."""
    document = yaml.safe_load(canary.render_questions())

    assert set(document["questions"]) == set(QUESTIONS)
    names = set(re.findall(r"\$(\w+)", canary.render_questions()))
    assert names == {"service", "namespace", "hash", "bound", "bad", "requests", "limit", "alpha", "min_requests"}
