"""What is told of a stream: metrics, and lines of JSON on stderr; never what was in a message."""

import sys
from collections import Counter as Counts
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics

from headgate import measures
from headgate.errors import TransientError
from headgate.ports import Letter
from headgate.serve.logs.recorder import Recorder
from headgate.stream.letters import kind_of

ANSWERED, DEAD = "answered", "dead"


class Telling:
    """Counts the messages of one stream and says what happens to it."""

    def __init__(self, service: str, model: str, topic: str, write: Callable[[str], Any] = sys.stderr.write) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left it out
        self.registry = CollectorRegistry()
        self.facts = {"service": service, "model": model, "topic": topic}
        self.write = write
        self.counts: Counts[str] = Counts()
        self.is_away = False
        self.ready: Callable[[], object] = lambda: None
        """Called each time that messages can be read."""
        self.recorder: Recorder | None = None
        """What keeps the prediction log, where one is kept."""
        self.log_trouble: str | None = None
        self.messages = self.made(Counter, measures.STREAM_MESSAGES, "Messages.", measures.STREAM_MESSAGES_LABELS)
        self.dead = self.made(Counter, measures.STREAM_DEAD, "Dead letters, by why.", measures.STREAM_DEAD_LABELS)
        self.waiting = self.made(Gauge, measures.STREAM_LAG, "Messages that wait.", measures.STREAM_LAG_LABELS)
        lost = self.made(Counter, measures.STREAM_LOST, "Messages gone unread.", measures.STREAM_LOST_LABELS)
        failures = self.made(Counter, measures.STREAM_FAILURES, "Topics opened anew.", (measures.SERVICE,))
        away = self.made(Gauge, measures.STREAM_AWAY, "1: the topics cannot be reached.", (measures.SERVICE,))
        self.lost, self.failures = lost.labels(service, topic), failures.labels(service)
        self.unreachable = away.labels(service)
        unlogged = self.made(Counter, measures.LOG_LOST, "Answered requests not logged.", (measures.SERVICE,))
        self.unlogged = unlogged.labels(service)
        for outcome in (ANSWERED, DEAD):
            self.messages.labels(service, model, outcome)

    def made(self, kind: Any, name: str, text: str, labels: tuple[str, ...]) -> Any:
        return kind(name, text, labels, registry=self.registry)

    def opened(self) -> None:
        """Messages can be read; one that was away is back once something went well."""
        if not self.is_away:
            self.say("stream_open")
        self.ready()

    def went_well(self) -> None:
        if self.is_away:
            self.say("stream_back")
        self.is_away = False
        self.unreachable.set(0)

    def done(self, letters: Sequence[Letter]) -> None:
        """These were written, and what they are about is committed."""
        self.went_well()
        service, model = self.facts["service"], self.facts["model"]
        for kind, count in Counts(kind_of(letter) for letter in letters).items():
            self.messages.labels(service, model, DEAD if kind else ANSWERED).inc(count)
            if kind:
                self.dead.labels(service, model, kind).inc(count)
                self.say_first(kind, letters)
            self.counts[kind] += count
        if self.recorder:
            self.logged(self.recorder)

    def logged(self, recorder: Recorder) -> None:
        """Say once what keeps the prediction log from the disk, and count what was given up."""
        if recorder.trouble and recorder.trouble != self.log_trouble:
            self.say("log_waits", why=recorder.trouble)
        self.log_trouble = recorder.trouble
        self.unlogged.inc(recorder.forgive())

    def say_first(self, kind: str, letters: Sequence[Letter]) -> None:
        """Say where the first dead letter of a kind is; the metric has the rest."""
        if kind not in self.counts:
            key = next(letter.key.decode() for letter in letters if kind_of(letter) == kind)
            self.say("dead_letter", reason=kind, key=key, note="the first of its kind; its headers say more")

    def lag(self, waiting: Mapping[int, int], lost: int) -> None:
        """So many messages wait in each partition; so many more were gone before they were read."""
        self.went_well()
        self.waiting.clear()
        for partition, count in waiting.items():
            self.waiting.labels(self.facts["service"], self.facts["topic"], str(partition)).set(count)
        if lost:
            self.lost.inc(lost)
            self.say("messages_lost", messages=lost, why="the topic's retention took them before they were read")

    def away(self, err: TransientError, wait_seconds: float) -> None:
        """The topics cannot be reached; they are tried again after so long."""
        self.is_away = True
        self.failures.inc()
        self.unreachable.set(1)
        self.say("stream_away", why="; ".join(err.lines()), again_in_seconds=wait_seconds)

    def ended(self) -> None:
        """Everything that was taken is answered and committed."""
        dead = sum(count for kind, count in self.counts.items() if kind)
        self.say("stream_ended", answered=self.counts[""], dead=dead)

    def say(self, event: str, **facts: object) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.write(msgspec.json.encode({"at": at, "event": event, **self.facts, **facts}).decode() + "\n")
