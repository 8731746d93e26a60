"""What happens, told as it happens, and kept for the story."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from headgate.cli.loop import Ended, Loop
from headgate.cli.memory import PeakMemory
from headgate.cli.observing import Observation
from headgate.local.ring import Ring
from headgate.local.traffic import NO_CANARY, Client
from headgate.names import short
from headgate.records.dataset import Check
from headgate.records.judgement import Verdict
from headgate.records.live import Analysis
from headgate.records.story import Hop, LookNote, RefusalNote, VerdictNote, WindowPoint
from headgate.show.timeline import Glimpse, Timeline, WindowGlimpse


class Teller:
    """Keeps hops and notes, and shows each one."""

    def __init__(self, clock: Callable[[], datetime], start: datetime, end: datetime, runs: Path) -> None:
        self.clock = clock
        self.start, self.end = start, end
        self.runs = runs
        self.began = time.monotonic()
        self.hops: list[Hop] = []
        self.refusals: list[RefusalNote] = []
        self.verdicts: list[VerdictNote] = []
        self.looks: list[LookNote] = []
        self.client: Client | None = None
        self.ring: Ring | None = None
        self.loop: Loop | None = None
        self.fault_from: datetime | None = None
        self.fault_to: datetime | None = None
        self.peak = PeakMemory()
        self.timeline = Timeline(self.glimpse)

    def follow(self, ring: Ring, loop: Loop) -> None:
        """Watch a ring and its way back, for the display and for the story."""
        self.ring, self.loop = ring, loop
        ring.looked = self.looked

    @property
    def seconds(self) -> float:
        """Wall time since the story began."""
        return time.monotonic() - self.began

    def tell(self, name: str, outcome: str, detail: str, at: datetime | None = None) -> None:
        """Keep and show one thing that happened."""
        wall, when = round(self.seconds, 2), at or self.clock()
        hop = Hop(name=name, event_time=when, wall_seconds=wall, outcome=outcome, detail=detail)
        self.hops.append(hop)
        self.timeline.show(hop)
        if name == "abort" and self.fault_from and not self.fault_to:
            self.fault_ends()

    def judged(self, ended: Ended) -> None:
        """Tell a run's verdict and what was proposed."""
        if ended.verdict is None:
            self.tell("run", "failed", f"exit {ended.code}")
            return
        verdict, pull = ended.verdict, ended.proposed.pull_request if ended.proposed else None
        deciding = [one for one in verdict.findings if one.severity == "error" and one.outcome != "pass"]
        reason = "; ".join(f"{one.rule}: {one.reason}" for one in deciding) or "every rule passes"
        self.verdicts.append(noted(verdict, pull.number if pull else None))
        self.tell("gate", verdict.outcome, f"{short(verdict.model.sha256)}: {reason}")
        if verdict.outcome != "pass":
            self.refused(short(verdict.model.sha256), "gate", verdict.outcome, reason)
        elif pull:
            self.tell("propose", "opened", f"#{pull.number} {pull.title}")

    def stopped(self, ended: Ended) -> None:
        """Tell how a poisoned data set was stopped."""
        report = ended.validation
        if report is None:
            self.tell("validate", "failed", f"exit {ended.code}")
            return
        checks = broken(report.checks)
        reason = "; ".join(told(check) for check in checks) or "every check passes"
        self.tell("validate", report.outcome, reason)
        if report.outcome == "fail":
            self.refused(short(report.dataset.sha256), "validate", report.outcome, reason, checks=checks)

    def refused(
        self, what: str, by: str, outcome: str, reason: str, *, checks: tuple[Check, ...] = (), next_step: str = ""
    ) -> None:
        """Keep one thing that was stopped, and why."""
        self.refusals.append(
            RefusalNote(
                what=what,
                by=by,
                outcome=outcome,
                reason=reason,
                event_time=self.clock(),
                checks=checks,
                next_step=next_step,
            )
        )

    def looked(self, analysis: Analysis) -> None:
        """Keep what a canary's questions counted at this look."""
        for one in analysis.answers:
            self.looks.append(
                LookNote(
                    commit=analysis.commit,
                    weight=analysis.weight,
                    question=one.question,
                    wall_seconds=round(self.seconds, 2),
                    bad=one.bad,
                    requests=one.requests,
                    low=one.low,
                    high=one.high,
                    limit=one.limit,
                )
            )

    def fault_begins(self) -> None:
        """Note when the fault began to take traffic."""
        self.fault_from = datetime.now(UTC)

    def fault_ends(self) -> None:
        """Note when the fault took no more traffic."""
        self.fault_to = datetime.now(UTC)

    def glimpse(self) -> Glimpse:
        """Return where things stand at this moment."""
        counts = [self.client.counts, self.client.running] if self.client else []
        step = self.ring.sending if self.ring else NO_CANARY
        canary = self.ring.state.canary if self.ring else None
        return Glimpse(
            start=self.start,
            now=self.clock(),
            end=self.end,
            seconds=self.seconds,
            doing=running(self.runs),
            canary=short(canary.revision.model) if canary else "",
            weight=step.weight,
            sent=sum(one.sent for one in counts),
            rows=sum(one.rows for one in counts),
            failed=sum(one.failed for one in counts),
            window=latest(self.loop) if self.loop else None,
        )


def noted(verdict: Verdict, pull_request: int | None) -> VerdictNote:
    """Return what the story keeps of a verdict."""
    gate = verdict.model.dataset.parts["gate"]
    return VerdictNote(
        model=verdict.model.sha256,
        outcome=verdict.outcome,
        policy=verdict.policy,
        look=verdict.look,
        alpha=verdict.alpha,
        judged_at=verdict.judged_at,
        gate=gate.window,
        gate_rows=gate.rows,
        train_end=verdict.model.train_end,
        champion=verdict.champion,
        findings=verdict.findings,
        pull_request=pull_request,
    )


def broken(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """Return the failed checks; of the parts of a dataset that broke alike, the one with the most rows."""
    worst: dict[tuple[str, str | None], Check] = {}
    for check in sorted(checks, key=lambda one: -one.rows):
        if check.outcome == "fail":
            worst.setdefault((check.name.partition(" ")[0], check.column), check)
    return tuple(worst.values())


def told(check: Check) -> str:
    """Return the first clause of what a check found, with its column."""
    column, found = check.column, check.detail.partition(";")[0]
    return found if column is None or column in found else f"{column}: {found}"


def running(runs: Path) -> str:
    """Return the verbs of the newest run whose logs are open and whose records are not written yet."""
    newest = max(runs.glob("*"), key=lambda folder: folder.stat().st_mtime, default=None)
    if newest is None:
        return ""
    ended = {record.stem for record in newest.glob("*.json")}
    return ", ".join(sorted(log.stem for log in newest.glob("*.log") if log.stem not in ended))


def latest(loop: Loop) -> WindowGlimpse | None:
    """Return the newest window's leading metric and drift."""
    if not loop.observations:
        return None
    model, seen = loop.observations[-1]
    points = window_points(loop.observations[-1:])
    return WindowGlimpse(model=short(model), metric=points[0] if points else None, drift=seen.drift)


def window_points(observations: Sequence[tuple[str, Observation]]) -> tuple[WindowPoint, ...]:
    """Return every metric of every observed window."""
    return tuple(
        WindowPoint(
            end=one.labelled.window.end,
            metric=metric.metric,
            value=metric.value,
            low=metric.low,
            high=metric.high,
            reference=metric.reference,
            fired=any(signal.fired and signal.rule.startswith(metric.metric) for signal in one.signals),
            model=short(model),
        )
        for model, one in observations
        for metric in one.metrics
    )
