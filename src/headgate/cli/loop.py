"""The way back: a matured window is observed, signals are weighed, a trigger starts the pipeline, once."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from headgate.cli.exchange import R
from headgate.cli.observations import keep, observed, signals, windows
from headgate.cli.observing import Observation, Observer, aligned
from headgate.cli.past import due, folder_of, is_measured, path_of, run_of, runs
from headgate.cli.past import keep as keep_trigger
from headgate.cli.propose import Proposed
from headgate.cli.standing import Standing
from headgate.cli.wiring import Project
from headgate.graph.engines.holding import is_held
from headgate.local.history import CONTEXT
from headgate.local.rollout import Tell
from headgate.names import Digest, Name
from headgate.records.codec import decode
from headgate.records.dataset import ValidationReport
from headgate.records.judgement import Verdict
from headgate.records.live import Trigger
from headgate.records.model import Model
from headgate.trigger import Decision, PastRun, Subject, decide, is_under_way

POLL_SECONDS = 0.05


class Ended(Struct, frozen=True, kw_only=True):
    """What a run left behind."""

    code: int | None
    """None while its last steps still run."""
    validation: ValidationReport | None
    verdict: Verdict | None
    proposed: Proposed | None


Aside = Callable[[Callable[[], bool]], Awaitable[bool]]
"""How measuring is called: a ring that serves meanwhile does it in a thread."""


async def inline(measure: Callable[[], bool]) -> bool:
    return measure()


class Loop:
    """Closes the loop for one service in one environment; a loop that was killed goes on where it ended."""

    def __init__(
        self, project: Project, environment: Name, observer: Observer, tell: Tell, aside: Aside = inline
    ) -> None:
        self.project = project
        self.environment = environment
        self.observer = observer
        self.tell = tell
        self.aside = aside
        self.observations: list[tuple[str, Observation]] = []
        self.measured: Callable[[Observation], None] = lambda _: None
        """Told each window: a display may follow them."""
        self.champion = Digest("")
        self.seen: set[datetime] = set()
        self.last = ""
        self.processes: list[asyncio.subprocess.Process] = []

    async def look(self, now: datetime) -> Ended | None:
        """Observe what has matured, decide, and run what is due; return how the run ended."""
        standing = self.project.live(self.environment)
        if standing.champion is None:
            return None
        champion, is_new = standing.champion, standing.champion.sha256 != self.champion
        if is_new:
            self.champion = champion.sha256
            self.seen = windows(self.project, self.environment, champion.sha256)
        is_news = await self.aside(lambda: self.observe(standing, champion, now))
        past = runs(self.project, self.environment, standing.tags)
        if is_news or is_new or any(run.failed for run in past):
            self.decide(past, now)
            past = runs(self.project, self.environment, standing.tags)
        waiting = [run.trigger for run in past if self.may_start(run, now)]
        return await self.run(waiting[0]) if waiting and not self.in_canary(standing) else None

    def observe(self, standing: Standing, champion: Model, now: datetime) -> bool:
        """Measure the windows that have matured, and keep what they said; say whether there was any."""
        spec, is_news = self.project.spec, False
        since = max(tag.at for tag in standing.tags if tag.outcome == "live")
        for window in aligned(spec.drift.window, since, now - spec.data.label.matures_after):
            if window.end in self.seen:
                continue
            if found := self.observer.observe(window, standing, champion):
                keep(self.project, observed(self.project, standing, champion, found))
                self.observations.append((champion.sha256, found))
                self.measured(found)
                is_news = True
            self.seen.add(window.end)
        return is_news

    def decide(self, past: list[PastRun], now: datetime) -> Decision:
        """Weigh the signals once; say it when the decision changes."""
        spec, code = self.project.spec, self.project.code
        subject = Subject(service=spec.service, environment=self.environment, champion=self.champion, code=code)
        decision = decide(subject, signals(self.project, self.environment, self.champion), past, spec.retrain, now)
        if decision.trigger:
            keep_trigger(self.project, decision.trigger)
            gate = (
                f"; gate rows from {decision.trigger.window.end:%m-%d}" if is_measured(decision.trigger, spec) else ""
            )
            self.tell("trigger", "start", decision.reason + gate)
        elif decision.decision != self.last and decision.decision == "stopped":
            self.tell("trigger", decision.decision, decision.reason)
        self.last = decision.decision
        return decision

    def may_start(self, run: PastRun, now: datetime) -> bool:
        """Say whether a trigger waits, its moment has come, and nobody runs it already."""
        lock = folder_of(self.project, run.trigger) / ".lock"
        return is_under_way(run) and now >= due(run.trigger, self.project.spec) and not is_held(lock)

    def in_canary(self, standing: Standing) -> bool:
        """Say whether a canary is under way: a run beside it would be judged against a champion about to go.

        And it would need the memory of a third server beside a training.
        """
        forge, folder = self.project.forge, f"env/{self.environment}/{self.project.spec.service}"
        last = forge.log(folder, standing.desired.commit, 1) if standing.desired.commit else []
        return any(forge.statuses(entry.commit).get(CONTEXT, ("", ""))[0] == "pending" for entry in last)

    async def run(self, trigger: Trigger) -> Ended:
        """Run the pipeline that answers a trigger."""
        spec, path = self.project.spec, path_of(self.project, trigger.key)
        after = ("--as-of", stamp(due(trigger, spec)), "--gate-from", stamp(trigger.window.end))
        moments = after if is_measured(trigger, spec) else ()
        return await self.pipeline(run_of(trigger), *moments, "--trigger", str(path))

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
        return left(folder, process.returncode, began)

    async def close(self) -> None:
        """Wait for what runs still do."""
        while self.processes:
            await self.processes.pop().wait()

    async def end(self) -> None:
        """End what runs still do: it is no failure, and goes on with whoever closes this loop next."""
        for process in self.processes:
            with suppress(ProcessLookupError):
                process.terminate()
        await self.close()


def left(folder: Path, code: int | None, began: float) -> Ended:
    """Return the records that a run left in its folder; what is older than one that failed is another run's."""

    def taken(verb: str, kind: type[R]) -> R | None:
        path = folder / f"{verb}.json"
        return decode(path.read_bytes(), kind, str(path)) if is_new(path, 0 if code == 0 else began) else None

    return Ended(
        code=code,
        validation=taken("validate", ValidationReport),
        verdict=taken("gate", Verdict),
        proposed=taken("propose", Proposed),
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
