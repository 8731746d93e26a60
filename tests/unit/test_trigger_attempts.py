"""A run that crashed is tried again, thrice at most, and not beside another."""

import msgspec

from headgate.trigger import PastRun
from unit.causes import DAY, WEEK, asked, drift, past, person, week


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
