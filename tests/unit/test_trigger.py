"""Does one cause start one run, and nothing more?"""

import hashlib
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from headgate.errors import PermanentError
from headgate.names import Digest, Name
from headgate.records.dataset import Window
from headgate.records.judgement import VerdictOutcome
from headgate.records.live import Cause, Signal, Trigger
from headgate.specs.reading import parse
from headgate.specs.service import Retrain
from headgate.trigger import Decision, PastRun, Subject, decide, key

WEEK = timedelta(days=7)
DAY = timedelta(days=1)
START = datetime(2013, 4, 1, tzinfo=UTC)
SUBJECT = Subject(service=Name("flights"), environment=Name("prod"), champion=Digest("a" * 64), code="c1")


def week(number: int) -> Window:
    return Window(start=START + WEEK * (number - 1), end=START + WEEK * number)


def drift(number: int, fired: bool = True, rule: str = "drift", cause: Cause = "drift") -> Signal:
    return Signal(cause=cause, rule=rule, window=week(number), fired=fired, detail=f"week {number}")


def person(reason: str, at: datetime) -> Signal:
    return Signal(cause="person", rule="person", window=Window(start=at, end=at), fired=True, detail=reason)


def past(
    number: int,
    verdict: VerdictOutcome | None = "fail",
    *,
    cause: Cause = "drift",
    took: timedelta | None = None,
    promoted: bool = False,
    code: str = "c1",
) -> PastRun:
    signal = drift(number, rule=cause, cause=cause)
    at = week(number).end
    return PastRun(
        trigger=Trigger(
            service=SUBJECT.service,
            environment=SUBJECT.environment,
            cause=cause,
            rule=cause,
            key=key(SUBJECT, signal),
            window=signal.window,
            at=at,
            detail="",
        ),
        verdict=verdict,
        ended=True,
        ended_at=at + (took or DAY),
        promoted=promoted,
        code=code,
    )


def asked(signals: list[Signal], runs: list[PastRun], now: datetime, retrain: Retrain | None = None) -> Decision:
    return decide(SUBJECT, signals, runs, retrain or Retrain(), now)


@pytest.mark.parametrize("windows", ["3 of 2", "0 of 3", "2 von 3", "2 of 0", "-1 of 2"])
def test_windows_that_can_never_be_met_are_refused_when_the_spec_is_read(windows: str) -> None:
    """A policy that never fires, or always does, is a mistake of its author."""
    with pytest.raises(PermanentError, match="windows"):
        parse(f"windows: {windows!r}", Retrain, "service.yaml")


def test_nothing_measured_is_quiet() -> None:
    """Without a signal there is nothing to decide."""
    assert asked([], [], START).decision == "quiet"


def test_two_of_three_windows_start_one_run_that_names_its_evidence() -> None:
    """The trigger carries the last window that fired, so that gate rows come after it."""
    decision = asked([drift(1), drift(2, fired=False), drift(3)], [], week(3).end)

    assert decision.trigger is not None
    assert decision.trigger.window == week(3)
    assert decision.trigger.detail == "drift in 2 of 3 windows: week 3"


@pytest.mark.parametrize("fired", [[3], [1], [1, 4], []])
def test_fewer_than_n_of_the_last_m_windows_are_quiet(fired: list[int]) -> None:
    """One bad week is weather; and weeks 1 and 4 are not among the same three."""
    signals = [drift(number, fired=number in fired) for number in range(1, 5)]

    assert asked(signals, [], week(4).end).decision == "quiet"


def test_a_window_counted_again_with_another_result_counts_as_the_last_one_said() -> None:
    """Late labels can take a signal back."""
    signals = [drift(1), drift(2), drift(2, fired=False)]

    assert asked(signals, [], week(2).end).decision == "quiet"


def test_a_window_that_has_not_ended_is_ignored() -> None:
    """A sender whose clock is a week ahead has not measured anything."""
    assert asked([drift(1), drift(2)], [], week(2).end - DAY).decision == "quiet"


def test_a_cause_that_the_service_does_not_list_is_ignored_and_a_person_never() -> None:
    """The policy's causes are the automatic ones."""
    only = Retrain(causes=("performance",))

    assert asked([drift(1), drift(2)], [], week(2).end, only).decision == "quiet"
    assert asked([person("look", week(2).end)], [], week(2).end, only).decision == "start"


def test_a_schedule_needs_no_second_window() -> None:
    """It happens once and is no measurement."""
    decision = asked([drift(1, rule="monthly", cause="schedule")], [], week(1).end)

    assert decision.reason == "monthly: week 1"


def test_causes_go_in_the_order_the_service_lists_them() -> None:
    """Lost performance is the better reason, where the service says so."""
    signals = [drift(n, rule=r, cause=c) for n in (1, 2) for r, c in (("drift", "drift"), ("auc low", "performance"))]

    decision = asked(signals, [], week(2).end, Retrain(causes=("performance", "drift")))

    assert decision.trigger is not None
    assert decision.trigger.rule == "auc low"


def test_the_same_evidence_twice_is_one_trigger() -> None:
    """Alerts are delivered twice, and a receiver restarts."""
    signals = [drift(1), drift(2)]
    first = asked(signals, [], week(2).end).trigger
    assert first is not None
    run = PastRun(trigger=first, verdict="fail", ended=True, ended_at=week(2).end + DAY, code="c1")

    again = asked(signals, [run], week(9).end)

    assert again.decision == "known"


def test_drift_and_lost_performance_of_one_week_are_one_run() -> None:
    """Labels mature after the drift was acted on: the same week is no second reason."""
    late = [drift(n, rule="auc low", cause="performance") for n in (1, 2)]

    assert asked(late, [past(2)], week(4).end).decision == "known"


def test_a_known_rule_does_not_hide_a_fresh_one() -> None:
    """Drift was acted on in week 2; performance of week 4 is news."""
    signals = [drift(1), drift(2), *(drift(n, rule="auc low", cause="performance") for n in (3, 4))]

    decision = asked(signals, [past(2)], week(4).end)

    assert decision.trigger is not None
    assert decision.trigger.rule == "auc low"


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


def test_the_key_is_known_to_other_programs() -> None:
    """It names the Workflow, so it must not change between versions."""
    text = "\n".join(("flights", "prod", "drift", "a" * 64, "2013-04-08T00:00:00+00:00"))

    assert key(SUBJECT, drift(1)) == hashlib.sha256(text.encode()).hexdigest()[:12]


@pytest.mark.parametrize("field", ["service", "environment", "champion"])
def test_the_key_differs_between_subjects(field: str) -> None:
    """The same week of another service, environment or champion is other evidence."""
    other = msgspec.structs.replace(SUBJECT, **{field: Name("b" * 64)})

    assert key(SUBJECT, drift(1)) != key(other, drift(1))


def failing(attempt: int, number: int = 2) -> PastRun:
    """Return a run whose last attempt ended without an answer."""
    made = past(number, None)
    trigger = msgspec.structs.replace(made.trigger, attempt=attempt)
    return msgspec.structs.replace(made, trigger=trigger, ended=False, ended_at=None, failed=True)


def test_a_failed_run_gets_a_next_attempt_of_its_own_name() -> None:
    """Also when no rule is loud any more: the cause was acted on, and not answered."""
    first = failing(1)

    decision = asked([], [first], week(2).end + DAY)

    assert decision.trigger == msgspec.structs.replace(first.trigger, attempt=2)
    assert decision.reason.startswith("attempt 2 of 3")


def test_attempts_are_bounded() -> None:
    """The third failure is the last: it is said, and nothing waits for it."""
    drifts, later = [drift(1), drift(2)], week(2).end + WEEK * 2

    decision = asked(drifts, [failing(3)], week(2).end)

    assert "known" == decision.decision
    assert "given up after 3 failed attempts" in decision.reason
    assert "start" == asked([*drifts, drift(3), drift(4)], [failing(3)], later).decision


def test_runs_that_were_given_up_count_toward_the_breaker() -> None:
    """What fails for ever is no better than what is refused for ever."""
    broken = [failing(3, number) for number in (2, 4, 6)]

    decision = asked([drift(7), drift(8)], broken, week(9).end)

    assert "stopped" == decision.decision


def test_newer_evidence_takes_the_place_of_a_next_attempt() -> None:
    """A person who asks is not told to wait for a run that failed."""
    decision = asked([person("look", week(3).end)], [failing(1)], week(3).end)

    assert decision.trigger is not None
    assert ("person", 1) == (decision.trigger.cause, decision.trigger.attempt)


def test_no_attempt_is_made_beside_a_run_under_way() -> None:
    """One at a time."""
    running = msgspec.structs.replace(past(1), ended=False, ended_at=None)

    assert asked([], [running, failing(1)], week(3).end).trigger is None


class Life(RuleBasedStateMachine):
    """Weeks pass, signals come late and twice, runs end in every way: what must hold all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.code = "c1"
        self.champion = "a" * 64
        self.signals: list[Signal] = []
        self.runs: list[PastRun] = []
        self.retrain = Retrain(windows="2 of 3", cooldown=timedelta(days=2), stop_after_refusals=3)
        self.refused = 0

    @rule(hours=st.sampled_from([1, 30, 170, 400]))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(
        cause=st.sampled_from(["drift", "performance", "person", "schedule"]),
        ago=st.integers(0, 4),
        fired=st.booleans() | st.just(True),
    )
    def signal(self, cause: Cause, ago: int, fired: bool) -> None:
        number = max(1, (self.now - START) // WEEK - ago)
        self.signals.append(drift(number, fired, cause, cause))

    @rule()
    def decide(self) -> None:
        subject = Subject(
            service=SUBJECT.service, environment=SUBJECT.environment, champion=Digest(self.champion), code=self.code
        )
        decision = decide(subject, self.signals, self.runs, self.retrain, self.now)
        assert (decision.trigger is None) == (decision.decision != "start")
        if decision.trigger is None:
            return
        if decision.trigger.attempt > 1:
            self.check_attempt(decision.trigger)
            self.runs[-1] = PastRun(trigger=decision.trigger, verdict=None, ended=False, code=self.code)
            return
        self.check(decision.trigger)
        self.runs.append(PastRun(trigger=decision.trigger, verdict=None, ended=False, code=self.code))
        if decision.trigger.cause == "person":
            self.refused = 0

    def check_attempt(self, trigger: Trigger) -> None:
        last = self.runs[-1]
        assert last.failed
        assert (trigger.key, trigger.attempt) == (last.trigger.key, last.trigger.attempt + 1)
        assert trigger.attempt <= 3

    def check(self, trigger: Trigger) -> None:
        assert trigger.key not in {run.trigger.key for run in self.runs}
        assert all(run.ended or run.failed for run in self.runs)
        assert trigger.window.end <= self.now + timedelta(minutes=5)
        if trigger.cause == "person":
            return
        assert self.refused < 3
        assert all(self.now >= (run.ended_at or run.trigger.at) + self.retrain.cooldown for run in self.runs)
        assert not any(self.now - run.trigger.at < DAY for run in self.runs)

    @precondition(lambda self: self.runs and not self.runs[-1].ended and not self.runs[-1].failed)
    @rule()
    def crash(self) -> None:
        self.runs[-1] = msgspec.structs.replace(self.runs[-1], failed=True)
        if self.runs[-1].given_up and self.runs[-1].code == self.code:
            self.refused += 1

    @precondition(lambda self: self.runs and not self.runs[-1].ended and not self.runs[-1].failed)
    @rule(verdict=st.sampled_from(["pass", "fail", "inconclusive", None]), promoted=st.booleans())
    def end(self, verdict: VerdictOutcome | None, promoted: bool) -> None:
        promoted = promoted and verdict == "pass"
        self.runs[-1] = msgspec.structs.replace(
            self.runs[-1], ended=True, verdict=verdict, ended_at=self.now, promoted=promoted
        )
        if promoted:
            self.champion = hashlib.sha256(self.champion.encode()).hexdigest()
            self.signals = []
        if self.runs[-1].code == self.code:
            self.refused = 0 if promoted else self.refused + (verdict != "pass")

    @rule()
    def push_code(self) -> None:
        self.code = f"c{int(self.code[1:]) + 1}"
        self.refused = 0

    @invariant()
    def never_two_at_once(self) -> None:
        assert sum(not run.ended and not run.failed for run in self.runs) <= 1


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLife = Life.TestCase
