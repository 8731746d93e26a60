"""Signals and history to the decision to retrain: one cause, once; the only place that counts and waits."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from headgate.names import Digest, Name
from headgate.records.judgement import VerdictOutcome
from headgate.records.live import Signal, Trigger
from headgate.specs.reading import show_duration
from headgate.specs.service import Retrain

KEY_LENGTH = 12
ONE_IS_ENOUGH = ("person", "schedule", "data")
"""Causes that are no measurements: they happen once, not in N of M windows."""
CLOCK_SKEW = timedelta(minutes=5)
"""A window that ends later than this after now has not been seen by anybody."""
ATTEMPTS = 3
"""A run that fails may have met a passing trouble; one that fails this often waits for a person."""


class PastRun(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger that was acted on, and how its run ended."""

    trigger: Trigger
    verdict: VerdictOutcome | None
    """None while it waits, runs, or when it ended without a verdict."""
    ended: bool
    """With an answer: a verdict, or data that were refused."""
    failed: bool = False
    """It ended without an answer: a step crashed, or the machine did."""
    ended_at: datetime | None = None
    """When it gave its verdict or gave up; None when that is not known: then the trigger's time counts."""
    promoted: bool = False
    """Its candidate was merged and reached Healthy."""
    code: str = ""
    """Digest of the service's code that it ran, as in `Model.code`."""

    @property
    def given_up(self) -> bool:
        """Whether it failed in its last attempt."""
        return self.failed and self.trigger.attempt >= ATTEMPTS

    @property
    def since(self) -> datetime:
        """The moment from which the cooldown counts."""
        return max(self.trigger.at, self.ended_at or self.trigger.at)


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the signals are about: a service in an environment, and the champion they measured."""

    service: Name
    environment: Name
    champion: Digest
    code: str = ""
    """Digest of the service's code that a run would use now."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided and why; `trigger` is there only when a run should start."""

    decision: Literal["start", "quiet", "known", "waiting", "cooldown", "budget", "stopped"]
    reason: str
    trigger: Trigger | None = None


def decide(
    subject: Subject, signals: Iterable[Signal], past: Sequence[PastRun], retrain: Retrain, now: datetime
) -> Decision:
    """Return at most one Trigger for the signals of the present champion; the same evidence gives it only once.

    A rule counts when it fired in N of its last M windows. The key names rule, champion and the window's end in
    event time, never the time of receipt. A person goes first; other causes in the order of `retrain.causes`.
    Signals of one rule and window: the last one given counts.
    """
    found = [trigger_of(subject, signal, counted, now) for signal, counted in loud(signals, retrain, now)]
    fresh = [trigger for trigger in found if not is_known(trigger, past)]
    again = next_attempt(past)
    if again and not (fresh and fresh[0].cause == "person"):
        return Decision(
            decision="start",
            reason=f"attempt {again.attempt} of {ATTEMPTS}, as the one before it failed: {again.detail}",
            trigger=again,
        )
    if not found:
        return Decision(decision="quiet", reason=f"no rule fired in {retrain.windows} windows")
    if not fresh:
        return Decision(decision="known", reason=acted_on(found[0], past))
    held = hold(fresh[0], subject, past, retrain, now)
    return held or Decision(decision="start", reason=fresh[0].detail, trigger=fresh[0])


def loud(signals: Iterable[Signal], retrain: Retrain, now: datetime) -> Iterator[tuple[Signal, str]]:
    """Yield the newest fired signal of each rule that counts, with "n of m", the most urgent rule first."""
    needed, among = retrain.needed_of
    order = ("person", *retrain.causes)
    by_rule: dict[tuple[int, str], dict[datetime, Signal]] = {}
    for signal in signals:
        if signal.cause in order and signal.window.end <= now + CLOCK_SKEW:
            by_rule.setdefault((order.index(signal.cause), signal.rule), {})[signal.window.end] = signal
    for _, by_end in sorted(by_rule.items(), key=lambda item: item[0]):
        last = [by_end[end] for end in sorted(by_end)[-among:]]
        fired = [signal for signal in last if signal.fired]
        if fired and len(fired) >= (1 if fired[-1].cause in ONE_IS_ENOUGH else needed):
            yield fired[-1], f"{len(fired)} of {len(last)}"


def trigger_of(subject: Subject, signal: Signal, counted: str, now: datetime) -> Trigger:
    """Return the trigger that a signal would be."""
    once = signal.cause in ONE_IS_ENOUGH
    return Trigger(
        service=subject.service,
        environment=subject.environment,
        cause=signal.cause,
        rule=signal.rule,
        key=key(subject, signal),
        window=signal.window,
        at=now,
        code=subject.code,
        detail=f"{signal.rule}: {signal.detail}" if once else f"{signal.rule} in {counted} windows: {signal.detail}",
    )


def next_attempt(past: Sequence[PastRun]) -> Trigger | None:
    """Return the last trigger once more when its run failed and may be tried again; newer evidence has its own."""
    last = sorted(past, key=lambda run: run.trigger.at)[-1:]
    if any(is_under_way(run) for run in past):
        return None
    again = [run.trigger for run in last if run.failed and not run.given_up]
    return msgspec.structs.replace(again[0], attempt=again[0].attempt + 1) if again else None


def is_under_way(run: PastRun) -> bool:
    """Say whether a run waits or runs."""
    return not run.ended and not run.failed


def acted_on(trigger: Trigger, past: Sequence[PastRun]) -> str:
    """Return why the same evidence starts nothing more."""
    known = f"{trigger.rule} (trigger {trigger.key}) was acted on already"
    if any(run.given_up and run.trigger.key == trigger.key for run in past):
        return f"{known}, and given up after {ATTEMPTS} failed attempts: `headgate status` says why"
    return known


def is_known(trigger: Trigger, past: Sequence[PastRun]) -> bool:
    """Say whether the evidence was acted on: under its key, or by a run that had a window as late as the measured one.

    So drift and lost performance of one week are one run, also when labels mature after the drift was acted on.
    """
    if any(run.trigger.key == trigger.key for run in past):
        return True
    measured = trigger.cause not in ONE_IS_ENOUGH
    return measured and any(run.trigger.window.end >= trigger.window.end for run in past)


def hold(
    trigger: Trigger, subject: Subject, past: Sequence[PastRun], retrain: Retrain, now: datetime
) -> Decision | None:
    """Return the reason not to start now, if there is one; only a run that has not ended holds a person."""
    if waiting := [run for run in past if is_under_way(run)]:
        return Decision(decision="waiting", reason=f"run of trigger {waiting[-1].trigger.key} has not ended")
    if trigger.cause == "person":
        return None
    if (refused := refused_in_a_row(past, subject.code)) >= retrain.stop_after_refusals:
        return Decision(
            decision="stopped",
            reason=f"{refused} runs in a row ended without a pass; a person must look: "
            "`headgate trigger --person REASON` starts again, and so does new code",
        )
    free = max((run.since for run in past), default=now - retrain.cooldown) + retrain.cooldown
    if now < free:
        return Decision(
            decision="cooldown",
            reason=f"the last run ended less than {show_duration(retrain.cooldown)} ago, free at {free:%Y-%m-%d %H:%M}",
        )
    if sum(now - run.trigger.at < timedelta(days=1) for run in past) >= retrain.per_day:
        return Decision(decision="budget", reason=f"{retrain.per_day} run a day is allowed")
    return None


def refused_in_a_row(past: Sequence[PastRun], code: str = "") -> int:
    """Return how many of the last runs of this code, ended or given up, had no passing verdict.

    A promotion, other code or a person's run starts a new count (the person's own run is its first); time alone
    never does, and neither does a pass that was not promoted.
    """
    count = 0
    for run in sorted((run for run in past if run.ended or run.given_up), key=lambda run: run.since, reverse=True):
        if run.promoted or run.code != code:
            break
        count += run.verdict != "pass"
        if run.trigger.cause == "person":
            break
    return count


def key(subject: Subject, signal: Signal) -> str:
    """Return 12 hex characters that are equal for equal evidence; a person's reason is part of the evidence."""
    words = (subject.service, subject.environment, signal.rule, subject.champion, signal.window.end.isoformat())
    reason = (signal.detail,) if signal.cause == "person" else ()
    return hashlib.sha256("\n".join((*words, *reason)).encode()).hexdigest()[:KEY_LENGTH]
