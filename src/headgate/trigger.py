"""Signals and history to the decision to retrain: one cause, once; the only place that counts and waits."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from headgate.names import Digest, Name
from headgate.records.judgement import VerdictOutcome
from headgate.records.live import Signal, Trigger
from headgate.specs.service import Retrain

KEY_LENGTH = 12


class PastRun(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger that was acted on, and how its run ended."""

    trigger: Trigger
    verdict: VerdictOutcome | None
    """None while it waits, runs, or when it ended without a verdict."""
    ended: bool


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the signals are about: a service in an environment, and the champion they measured."""

    service: Name
    environment: Name
    champion: Digest


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided and why; `trigger` is there only when a run should start."""

    decision: Literal["start", "quiet", "known", "waiting", "cooldown", "budget", "stopped"]
    reason: str
    trigger: Trigger | None = None


def decide(
    subject: Subject, signals: Iterable[Signal], past: Sequence[PastRun], retrain: Retrain, now: datetime
) -> Decision:
    """Return at most one Trigger for the signals of the present champion.

    A rule counts when it fired in N of its last M windows. The key names rule, champion and the window's end in
    event time, so the same evidence delivered twice is the same trigger.
    """
    loudest = strongest(signals, retrain)
    if loudest is None:
        return Decision(decision="quiet", reason=f"no rule fired in {retrain.windows} windows")
    fired, counted = loudest
    trigger = Trigger(
        service=subject.service,
        environment=subject.environment,
        cause=fired.cause,
        rule=fired.rule,
        key=key(subject, fired),
        window=fired.window,
        at=now,
        detail=f"{fired.rule} in {counted} windows: {fired.detail}",
    )
    held = hold(trigger, past, retrain, now)
    return held or Decision(decision="start", reason=trigger.detail, trigger=trigger)


def strongest(signals: Iterable[Signal], retrain: Retrain) -> tuple[Signal, str] | None:
    """Return the newest fired signal of the first rule (by cause's order, then name) that counts, with "n of m"."""
    needed, among = (int(word) for word in retrain.windows.split(" of "))
    by_rule: dict[tuple[int, str], list[Signal]] = {}
    for signal in signals:
        if signal.cause in retrain.causes:
            by_rule.setdefault((retrain.causes.index(signal.cause), signal.rule), []).append(signal)
    for _, rows in sorted(by_rule.items(), key=lambda item: item[0]):
        last = sorted({row.window.end: row for row in rows}.values(), key=lambda row: row.window.end)[-among:]
        fired = [row for row in last if row.fired]
        wanted = 1 if fired and fired[-1].cause in ("person", "schedule", "data") else needed
        if fired and len(fired) >= wanted:
            return fired[-1], f"{len(fired)} of {len(last)}"
    return None


def hold(trigger: Trigger, past: Sequence[PastRun], retrain: Retrain, now: datetime) -> Decision | None:
    """Return the reason not to start now, if there is one."""
    if any(run.trigger.key == trigger.key for run in past):
        return Decision(decision="known", reason=f"trigger {trigger.key} was acted on already")
    if waiting := [run for run in past if not run.ended]:
        return Decision(decision="waiting", reason=f"run of trigger {waiting[-1].trigger.key} has not ended")
    if trigger.cause == "person":
        return None
    if refused_in_a_row(past) >= retrain.stop_after_refusals:
        return Decision(
            decision="stopped",
            reason=f"{retrain.stop_after_refusals} candidates in a row were refused; a person must look: "
            "`headgate trigger --person REASON` starts again",
        )
    last = max((run.trigger.at for run in past), default=None)
    if last is not None and now - last < retrain.cooldown:
        return Decision(decision="cooldown", reason=f"last trigger was {last:%Y-%m-%d %H:%M}")
    if sum(now - run.trigger.at < timedelta(days=1) for run in past) >= retrain.per_day:
        return Decision(decision="budget", reason=f"{retrain.per_day} run a day is allowed")
    return None


def refused_in_a_row(past: Sequence[PastRun]) -> int:
    """Return how many of the last ended runs had no passing verdict; a person's trigger starts a new count."""
    count = 0
    for run in reversed([run for run in past if run.ended]):
        if run.verdict == "pass":
            break
        count += 1
        if run.trigger.cause == "person":
            break
    return count


def key(subject: Subject, signal: Signal) -> str:
    """Return 12 hex characters that are equal for equal evidence."""
    words = (subject.service, subject.environment, signal.rule, subject.champion, signal.window.end.isoformat())
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:KEY_LENGTH]
