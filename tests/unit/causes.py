"""Weeks of signals, runs that they started, and the decision on both."""

from datetime import UTC, datetime, timedelta

from headgate.names import Digest, Name
from headgate.records.dataset import Window
from headgate.records.judgement import VerdictOutcome
from headgate.records.live import Cause, Signal, Trigger
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
