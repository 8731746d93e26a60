"""What holds a run back: one under way, its cooldown, the day's budget, a row of refusals; and whom nothing holds."""

from datetime import timedelta

import msgspec
import pytest

from headgate.records.judgement import VerdictOutcome
from headgate.specs.service import Retrain
from headgate.trigger import PastRun, decide
from unit.causes import DAY, SUBJECT, asked, drift, past, person, week


def test_a_run_that_has_not_ended_holds_everybody_a_person_too() -> None:
    """One run a service: two would race for one pull request."""
    running = msgspec.structs.replace(past(2), ended=False, ended_at=None, verdict=None)

    for signals in ([drift(8), drift(9)], [person("now", week(9).end)]):
        assert asked(signals, [running], week(9).end).decision == "waiting"


def test_cooldown_counts_from_the_end_of_the_last_run() -> None:
    """A run that takes three days would else eat half of its own cooldown."""
    run = past(2, took=timedelta(days=3))
    signals = [drift(2), drift(3)]

    assert asked(signals, [run], week(2).end + timedelta(days=10) - timedelta(minutes=1)).decision == "cooldown"
    assert asked(signals, [run], week(2).end + timedelta(days=10)).decision == "start"


def test_cooldown_counts_from_the_trigger_where_the_end_is_not_known() -> None:
    """An old record has no end."""
    run = msgspec.structs.replace(past(2), ended_at=None)
    longer = Retrain(cooldown=timedelta(days=7, minutes=1))

    assert asked([drift(2), drift(3)], [run], week(3).end, longer).decision == "cooldown"
    assert asked([drift(2), drift(3)], [run], week(3).end).decision == "start"


def test_a_day_has_a_budget() -> None:
    """With no cooldown at all the budget still holds."""
    retrain = Retrain(cooldown=timedelta(0), per_day=1)
    run = past(3, took=timedelta(minutes=5))
    signals = [drift(3), drift(4)]
    moved = msgspec.structs.replace(run.trigger, at=week(4).end - timedelta(hours=23))

    assert asked(signals, [msgspec.structs.replace(run, trigger=moved)], week(4).end, retrain).decision == "budget"
    assert asked(signals, [run], week(4).end, retrain).decision == "start"


@pytest.mark.parametrize("verdict", ["fail", "inconclusive", None])
def test_every_run_in_a_row_that_did_not_pass_counts_towards_the_breaker(verdict: VerdictOutcome | None) -> None:
    """A crash and an inconclusive gate are as fruitless as a refusal; and waiting a year changes nothing."""
    runs = [past(2), past(4, verdict), past(6)]

    decision = asked([drift(60), drift(61)], runs, week(61).end)

    assert decision.decision == "stopped"
    assert "headgate trigger --person" in decision.reason


@pytest.mark.parametrize(
    "between",
    [past(6, "pass", promoted=True), past(6, cause="person"), past(6, code="c0")],
    ids=["promotion", "person", "other code"],
)
def test_a_promotion_a_person_or_new_code_starts_a_new_count(between: PastRun) -> None:
    """Something changed that may make the next run better."""
    runs = [past(2), past(4), between, past(8)]

    assert asked([drift(20), drift(21)], runs, week(21).end).decision == "start"


def test_a_pass_that_was_not_promoted_neither_counts_nor_resets() -> None:
    """A canary that failed is no success to build on, and no refusal either."""
    runs = [past(2), past(4), past(6, "pass")]

    assert asked([drift(20), drift(21)], runs, week(21).end).decision == "start"
    assert asked([drift(20), drift(21)], [*runs, past(8)], week(21).end).decision == "stopped"


def test_new_code_now_closes_the_breaker() -> None:
    """Whoever pushed a fix need not also ask."""
    runs = [past(number) for number in (2, 4, 6)]
    fixed = msgspec.structs.replace(SUBJECT, code="c2")

    assert decide(fixed, [drift(20), drift(21)], runs, Retrain(), week(21).end).decision == "start"


def test_a_person_passes_breaker_cooldown_and_budget_and_asks_once_for_one_reason() -> None:
    """The command repeated is the same request; another reason is another one."""
    runs = [past(number) for number in (2, 3, 4)]
    now = week(4).end + 2 * DAY
    first = asked([person("new runway", now)], runs, now).trigger
    assert first is not None
    runs.append(PastRun(trigger=first, verdict="fail", ended=True, ended_at=now, code="c1"))

    assert asked([person("new runway", now)], runs, now).decision == "known"
    assert asked([person("and a strike", now)], runs, now).decision == "start"


def test_a_persons_request_is_not_hidden_by_a_drift_that_has_to_wait() -> None:
    """Drift in its cooldown stands before it in the service's own order."""
    now = week(5).end
    late = past(4, took=timedelta(days=6))

    decision = asked([drift(4), drift(5), person("look", now)], [late], now)

    assert decision.trigger is not None
    assert decision.trigger.cause == "person"
