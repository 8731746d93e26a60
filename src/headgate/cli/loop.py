"""The way back: a matured window is observed, signals are weighed, a trigger starts the pipeline, once."""

import asyncio
import sys
import time
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from headgate.cli.exchange import write
from headgate.cli.observing import Observation, Observer, aligned
from headgate.cli.propose import Proposed
from headgate.cli.wiring import Project
from headgate.local.rollout import Tell
from headgate.names import Digest, Name
from headgate.records.codec import decode, encode
from headgate.records.dataset import ValidationReport
from headgate.records.judgement import Verdict
from headgate.records.live import Signal, Trigger
from headgate.trigger import Decision, PastRun, Subject, decide

POLL_SECONDS = 0.05


class Ended(Struct, frozen=True, kw_only=True):
    """What a run left behind."""

    code: int | None
    """None while its last steps still run."""
    validation: ValidationReport | None
    verdict: Verdict | None
    proposed: Proposed | None


class Loop:
    """Closes the loop for one service in one environment."""

    def __init__(self, project: Project, environment: Name, observer: Observer, tell: Tell) -> None:
        self.project = project
        self.environment = environment
        self.observer = observer
        self.tell = tell
        self.past: list[PastRun] = []
        self.waiting: Trigger | None = None
        self.signals: list[Signal] = []
        self.observations: list[tuple[str, Observation]] = []
        self.champion = Digest("")
        self.seen: set[datetime] = set()
        self.last = ""
        self.processes: list[asyncio.subprocess.Process] = []

    async def look(self, now: datetime) -> Ended | None:
        """Observe what has matured, decide, and run what is due; return how the run ended."""
        standing = self.project.live(self.environment)
        if standing.champion is None:
            return None
        spec = self.project.spec
        if standing.champion.sha256 != self.champion:
            self.champion, self.signals, self.seen = standing.champion.sha256, [], set()
        since = max(tag.at for tag in standing.tags if tag.outcome == "live")
        matured = now - spec.data.label.matures_after
        for window in aligned(spec.drift.window, since, matured):
            if window.end in self.seen:
                continue
            self.seen.add(window.end)
            if found := self.observer.observe(window, standing, standing.champion):
                self.observations.append((standing.champion.sha256, found))
                self.signals.extend(found.signals)
                self.decide(now)
        if self.waiting and now >= self.due(self.waiting):
            trigger, self.waiting = self.waiting, None
            return await self.run(trigger)
        return None

    def due(self, trigger: Trigger) -> datetime:
        """Return when gate rows after the trigger's window have all matured."""
        return trigger.window.end + self.project.spec.split.gate + self.project.spec.data.label.matures_after

    def decide(self, now: datetime) -> Decision:
        """Weigh the signals once; say it when the decision changes."""
        spec = self.project.spec
        subject = Subject(
            service=spec.service, environment=self.environment, champion=self.champion, code=self.project.code
        )
        decision = decide(subject, self.signals, self.past, spec.retrain, now)
        if decision.trigger:
            self.waiting = decision.trigger
            self.past.append(PastRun(trigger=decision.trigger, verdict=None, ended=False, code=self.project.code))
            gate = decision.trigger.window.end
            self.tell("trigger", "start", f"{decision.reason}; gate rows from {gate:%m-%d}")
        elif decision.decision != self.last and decision.decision == "stopped":
            self.tell("trigger", decision.decision, decision.reason)
        self.last = decision.decision
        return decision

    async def run(self, trigger: Trigger) -> Ended:
        """Run the pipeline that answers a trigger."""
        path = self.project.workspace.root / "triggers" / f"{trigger.key}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, encode(trigger))
        moments = ("--as-of", stamp(self.due(trigger)), "--gate-from", stamp(trigger.window.end))
        ended = await self.pipeline(f"ct-{trigger.service}-{trigger.key}", *moments, "--trigger", str(path))
        verdict = ended.verdict.outcome if ended.verdict else None
        self.past[-1] = PastRun(
            trigger=trigger,
            verdict=verdict,
            ended=True,
            ended_at=self.due(trigger),
            promoted=verdict == "pass",
            code=self.project.code,
        )
        return ended

    async def pipeline(self, name: str, *arguments: str) -> Ended:
        """Run `headgate run` until it has proposed or refused; what is left of it goes on beside the traffic."""
        await self.close()  # one run at a time: two would need twice the memory
        command = [sys.executable, "-m", "headgate", "run", "--service", str(self.project.service_file)]
        command += ["--workspace", str(self.project.workspace.root), "--environment", self.environment]
        command += ["--name", name, *arguments]
        log = self.project.workspace.logs / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        began = time.time()
        with log.open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out
            )
        self.processes.append(process)
        folder = self.project.workspace.runs / name
        while process.returncode is None and not decided(folder, began):
            await asyncio.sleep(POLL_SECONDS)
        return self.left(process.returncode, folder)

    async def close(self) -> None:
        """Wait for what runs still do."""
        while self.processes:
            await self.processes.pop().wait()

    def left(self, code: int | None, folder: Path) -> Ended:
        """Return the records of a run's folder."""
        validation, verdict, proposed = (folder / f"{verb}.json" for verb in ("validate", "gate", "propose"))
        return Ended(
            code=code,
            validation=decode(validation.read_bytes(), ValidationReport) if validation.exists() else None,
            verdict=decode(verdict.read_bytes(), Verdict) if verdict.exists() else None,
            proposed=decode(proposed.read_bytes(), Proposed) if proposed.exists() else None,
        )


def decided(folder: Path, began: float) -> bool:
    """Say whether a run has proposed, or has a verdict that proposes nothing."""
    if is_new(folder / "propose.json", began):
        return True
    verdict = folder / "gate.json"
    return is_new(verdict, began) and decode(verdict.read_bytes(), Verdict).outcome != "pass"


def is_new(path: Path, began: float) -> bool:
    return path.exists() and path.stat().st_mtime >= began


def stamp(at: datetime) -> str:
    return at.isoformat()
