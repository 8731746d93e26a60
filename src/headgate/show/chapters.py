"""What happened when: a story's many hops as the few things a person would tell."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Literal

import msgspec

from headgate.names import short
from headgate.propose.evidence import leading
from headgate.records.story import Hop, Story

Tone = Literal["good", "bad", "plain"]
ARROW = " ▸ "


class Line(msgspec.Struct):
    """One thing that followed from an event."""

    text: str
    tone: Tone = "plain"


class Chapter(msgspec.Struct):
    """One event and what came of it."""

    at: datetime
    event: str
    lines: list[Line]


class Telling:
    """Folds hops into chapters, one after the other."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.chapters: list[Chapter] = []
        self.by_name: dict[str, Callable[[Hop], None]] = {
            "trigger": self.trigger,
            "gate": self.gate,
            "propose": self.propose,
            "merge": self.merge,
            "canary": self.canary,
            "live": self.live,
            "settings": self.settings,
            "abort": self.abort,
            "revert": self.revert,
            "validate": self.validate,
        }

    def hear(self, hop: Hop) -> None:
        """Take one hop into the chapter it belongs to, or into one of its own."""
        self.by_name.get(hop.name, self.other)(hop)

    def open(self, hop: Hop, event: str, text: str, tone: Tone = "plain") -> None:
        self.chapters.append(Chapter(at=hop.event_time, event=event, lines=[Line(text, tone)]))

    def add(self, hop: Hop, text: str, tone: Tone = "plain") -> None:
        if self.chapters:
            self.chapters[-1].lines.append(Line(text, tone))
        else:
            self.open(hop, hop.name, text, tone)

    def extend(self, hop: Hop, start: str, more: str, tone: Tone | None = None) -> None:
        """Lengthen the chapter's last line that begins with `start`."""
        found = [line for line in (self.chapters[-1].lines if self.chapters else []) if line.text.startswith(start)]
        if not found:
            self.add(hop, more.strip(" ,▸"), tone or "plain")
            return
        found[-1].text += more
        found[-1].tone = tone or found[-1].tone

    def trigger(self, hop: Hop) -> None:
        rule, _, rest = hop.detail.partition(": ")
        if hop.outcome == "start":
            found, _, gate = rest.partition("; ")
            self.open(hop, rule.replace("_", " "), f"{found.partition(': worse')[0]}   to be trained again, {gate}")
        else:
            self.open(hop, f"trigger {hop.outcome}", hop.detail)

    def gate(self, hop: Hop) -> None:
        model, _, reason = hop.detail.partition(": ")
        note = next((one for one in self.story.verdicts if short(one.model) == model), None)
        first = not any(chapter.event.startswith(("candidate", "first")) for chapter in self.chapters)
        event = f"{'first model' if first else 'candidate'} {model}"
        if hop.outcome == "pass":
            found = leading(note.findings) if note else ""
            self.open(hop, event, f"gate: PASS  {found}".rstrip(), "good")
        else:
            self.open(hop, event, f"gate: {hop.outcome.upper()}  {reason}: not proposed", "bad")

    def propose(self, hop: Hop) -> None:
        self.extend(hop, "gate", f"   {hop.detail.partition(' ')[0]}")

    def merge(self, hop: Hop) -> None:
        number, _, by = hop.detail.partition(" ")
        here = [line.text for line in (self.chapters[-1].lines if self.chapters else [])]
        start = "revert" if any(text.startswith(f"revert {number}") for text in here) else "gate"
        self.extend(hop, start, f" merged {by}" if start == "gate" else f"   merged {by}")

    def canary(self, hop: Hop) -> None:
        match hop.outcome:
            case "started":
                self.add(hop, f"canary {hop.detail.rpartition(' at ')[2]}")
            case "advanced":
                self.extend(hop, "canary", ARROW + hop.detail.rpartition("now ")[2])
            case _:
                self.add(hop, f"canary {hop.outcome}: {hop.detail}", "bad")

    def live(self, hop: Hop) -> None:
        model = hop.detail[:12]
        if hop.outcome != "promoted":
            self.extend(hop, "gate", "   live", "good")
            return
        steps = [step for step in self.story.split if step.model == model]
        answers = f"   {sum(step.requests for step in steps):,} requests" if steps else ""
        self.extend(hop, "canary", f"{ARROW}all{answers}   live {hop.event_time:%m-%d}", "good")

    def settings(self, hop: Hop) -> None:
        if hop.outcome == "refused":
            self.open(hop, "the same settings again", f"refused: {hop.detail.partition(': ')[2]}", "bad")
        else:
            number, _, rest = hop.detail.partition(" ")
            self.open(hop, "other serving settings", f"{number} {hop.outcome} {rest}")

    def abort(self, hop: Hop) -> None:
        requests = self.story.requests
        back = ""
        if requests.fault_from and requests.fault_to:
            back = (
                f"{ARROW}traffic back {(requests.fault_to - requests.fault_from).total_seconds():.1f} s after it began"
            )
        self.extend(hop, "canary", f": {hop.detail}{back}", "bad")
        self.aborted = hop.wall_seconds

    def revert(self, hop: Hop) -> None:
        after = hop.wall_seconds - getattr(self, "aborted", hop.wall_seconds)
        number = hop.detail.partition(" ")[0]
        self.add(hop, f"revert {number} {hop.outcome} after {after:.1f} s", "good")

    def validate(self, hop: Hop) -> None:
        poisoned = hop.outcome == "fail"
        text = f"validate: {hop.outcome.upper()}  {hop.detail}"
        self.open(hop, "poisoned data" if poisoned else "new data", text, "bad" if poisoned else "plain")

    def other(self, hop: Hop) -> None:
        failed = hop.outcome in {"error", "failed"}
        self.open(hop, f"{hop.name} {hop.outcome}", hop.detail, "bad" if failed else "plain")


def chapters(story: Story) -> Iterable[Chapter]:
    """Return a story's chapters in order."""
    telling = Telling(story)
    for hop in story.hops:
        telling.hear(hop)
    return telling.chapters
