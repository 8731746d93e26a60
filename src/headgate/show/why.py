"""A service's history as a person reads it in a terminal."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from headgate.names import short
from headgate.specs.environment import Version
from headgate.why import History, Numbers, Reign
from headgate.wording import counted, day, one_line

INDENT = 10
EARLIER_SHOWN = 4
WIDTH = 200
"""Characters of a text from outside on one line."""
WAITING = {
    "on its way": "a canary has it, or will",
    "canary failed": "its canary failed; a revert puts main back",
    "canary ended": "its canary ended without a judgement",
}


def text(history: History, now: datetime | None = None) -> str:
    """Return which model is live, since when, because of what, who let it in, and how to undo it."""
    return "\n".join(lines(history, now)) + "\n"


def lines(history: History, now: datetime | None) -> Iterator[str]:
    """Yield the answer's lines, the most wanted first."""
    where = f"{history.service} in {history.environment}"
    live = history.live
    if live is None:
        yield f"{where}: nothing is live"
    else:
        lived = f" ({ago(now - live.since)})" if now and now >= live.since else ""
        yield f"{where}: {short(live.model)}  live since {day(live.since)}{lived}"
        yield from fields(because(live))
    if history.named and (live is None or history.named != live.model):
        yield from fields([("main says", f"{short(history.named)}: {WAITING.get(history.state, history.state)}")])
    if live is not None:
        yield from fields([("undo", history.undo)])
    else:
        yield from fields([("next", "headgate status")])
    for reign in history.reigns[1 : 1 + EARLIER_SHOWN]:
        yield from fields([("before", earlier(reign))])
    if hidden := len(history.reigns) - 1 - EARLIER_SHOWN:
        yield from fields([("", f"and {hidden} more")] if hidden > 0 else [])
    yield from fields(delivery(history.numbers))


def fields(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield `  name      value` lines."""
    return (f"  {name:<{INDENT}}{value}".rstrip() for name, value in pairs)


def because(live: Reign) -> Iterator[tuple[str, str]]:
    """Yield what let the live model in."""
    trigger = f"   trigger {one_line(live.trigger, 40)}" if live.trigger else ""
    yield "because", one_line(live.because, WIDTH) + trigger
    yield "judged", one_line(live.judged, WIDTH)
    yield "merged", merged(live)
    if live.version is not None:
        yield "made from", origin(live.version)
    if live.replaces is not None:
        after = f" (it was live {ago(live.replaced_after)})" if live.replaced_after is not None else ""
        yield "replaces", short(live.replaces) + after


def merged(reign: Reign) -> str:
    """Return who merged what, and how its canary went."""
    by = f"by {one_line(reign.merged_by, 60)}" if reign.merged_by else "by nobody Git knows"
    pull = f"pull request #{reign.pull_request}" if reign.pull_request else "pushed to main without a pull request"
    steps = f"canary {reign.analyses_passed} of {reign.analyses} passed" if reign.analyses else "no canary"
    return f"{by}, {pull}, {steps}"


def origin(version: Version) -> str:
    """Return the data and the code that made a model."""
    data = version.dataset
    span = f"{day(data.start)} … {day(data.end)} " if data.start and data.end else ""
    commit = f" (commit {short(version.commit)})" if version.commit else ""
    code = f"code {one_line(short(version.code), 12)}{commit}"
    return f"data {span}(sha256:{short(data.sha256)})  {code}  seed {version.seed}"


def earlier(reign: Reign) -> str:
    """Return an earlier reign in one line."""
    lived = f", {ago(reign.until - reign.since)}" if reign.until else ""
    pull = f"   #{reign.pull_request}" if reign.pull_request else ""
    return f"{short(reign.model)}  {day(reign.since)} … {day(reign.until)}{lived}{pull}"


def delivery(numbers: Numbers) -> Iterator[tuple[str, str]]:
    """Yield how delivery goes, once there is something to say."""
    if not numbers.promotions:
        return
    told = [
        counted(numbers.promotions, "promotion"),
        counted(numbers.failed_canaries, "failed canary", "failed canaries"),
        counted(numbers.reverts, "revert"),
    ]
    told += [f"{ago(numbers.lead_time)} to merge"] if numbers.lead_time is not None else []
    told += [f"{ago(numbers.time_to_restore)} to restore"] if numbers.time_to_restore is not None else []
    yield "so far", ", ".join(told)


def ago(length: timedelta) -> str:
    """Return a length of time in its largest unit.

    >>> ago(timedelta(days=11)), ago(timedelta(minutes=90)), ago(timedelta(seconds=3))
    ('11 days', '2 hours', '3 seconds')
    """
    for unit, seconds in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if length >= timedelta(seconds=seconds):
            return counted(round(length.total_seconds() / seconds), unit)
    return counted(round(length.total_seconds()), "second")
