"""The ring on one machine: what main names is what runs, through a canary; for one machine only."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from headgate import canary
from headgate.adapters.metrics_local import LocalMetrics
from headgate.errors import HeadgateError, TransientError
from headgate.local import reconcile, supervise
from headgate.local.history import History
from headgate.local.memory import Memory
from headgate.local.reconcile import Move
from headgate.local.route import Router
from headgate.local.supervise import Server
from headgate.local.tallies import carried, tallies
from headgate.local.traffic import NO_CANARY, Step
from headgate.names import Name, Uri
from headgate.ports import Store
from headgate.records.live import Analysis, RolloutState, Target, Track
from headgate.specs.canary import Canary
from headgate.specs.environment import Serving, Version

Tell = Callable[[str, str, str], None]
"""(name, outcome, detail) of something that happened."""
INTERVAL_SECONDS = 0.1
TRACKS: tuple[Track, Track] = ("canary", "stable")


class Ring:
    """Runs one service of one environment; every step is kept before it is made, so that a killed ring goes on."""

    def __init__(
        self,
        *,
        service: Name,
        environment: Name,
        canary_plan: Canary,
        service_file: Path,
        predictions: Path,
        folder: Path,
        history: History,
        store: Store,
        clock: Callable[[], datetime],
        tell: Tell,
        on_failure: Callable[[Analysis, tuple[Analysis, ...]], None],
    ) -> None:
        self.service = service
        self.environment = environment
        self.canary_plan = canary_plan
        self.service_file = service_file
        self.predictions = predictions
        self.folder = folder
        self.history = history
        self.store = store
        self.clock = clock
        self.tell = tell
        self.on_failure = on_failure
        self.router = Router()
        self.memory = Memory(folder, RolloutState(environment=environment, service=service))
        self.state = self.memory.state()
        self.servers: dict[Track, Server] = {}
        self.metrics = LocalMetrics()
        self.before = self.state.tallies
        self.port = 0
        self.started = 0
        self.looked: Callable[[Analysis], None] = lambda _: None
        """Told each analysis, also those that hold."""

    async def start(self, port: int = 0) -> None:
        """Listen, and bring up what ran before."""
        self.port = await self.router.start(port=port)
        if self.state.stable:
            await self.bring_up("stable", self.state.stable)
        if self.state.canary:
            await self.bring_up("canary", self.state.canary)
            self.router.weigh(self.weight)

    async def stop(self) -> None:
        """End the router, then the servers, in good order."""
        await self.router.close()
        await asyncio.gather(*(server.stop() for server in self.servers.values()))
        self.servers.clear()

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            await self.tick()
            await asyncio.sleep(INTERVAL_SECONDS)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def in_canary(self) -> bool:
        return self.state.canary is not None

    @property
    def weight(self) -> int:
        """The canary's percentage of traffic now."""
        return reconcile.weight(self.state, self.plan())

    @property
    def sending(self) -> Step:
        """Whose canary takes which percentage of the traffic, as the router splits it at this moment."""
        weight = self.router.weight
        return Step(self.state.canary.commit, weight) if self.state.canary and weight else NO_CANARY

    def plan(self) -> Canary:
        """Return the canary plan: the environment's serving.yaml wins over the service's."""
        return self.history.serving().canary or self.canary_plan

    async def tick(self) -> None:
        """Look at Git and at the canary once, and make at most one move for each."""
        for failed in self.memory.unfinished():
            self.finish(failed)
        move = reconcile.plan(self.history.wanted(), self.state, self.history.live())
        if move.kind != "nothing":
            await self.make(move)
        if self.state.canary:
            await self.judge(self.state.canary)

    async def make(self, move: Move) -> None:
        """Make one move that Git asked for."""
        match move.kind:
            case "start_stable" | "fast_track" if move.target:
                await self.take_over(move, move.target)
            case "start_canary" | "replace_canary" if move.target:
                await self.begin(move, move.target)
            case "restore_stable":
                self.router.weigh(0)
                self.keep(move)
                await self.withdraw()
                self.tell("canary", "withdrawn", move.reason)
            case "adopt":
                self.keep(move)
            case "retire":
                self.keep(move)
                await self.router.drain("stable")
                await self.end("stable")
            case _:
                return

    async def take_over(self, move: Move, target: Target) -> None:
        """Give a revision all traffic at once: the first deploy, or one that was live before."""
        if self.state.canary:
            self.router.weigh(0)
            await self.withdraw()
        await self.bring_up("canary", target)
        await self.router.promote()
        await self.succeed()
        self.history.tag("live", target, self.clock(), ())
        self.keep(move)
        self.tell("live", move.kind, f"{target.revision.model[:12]}: {move.reason}")

    async def begin(self, move: Move, target: Target) -> None:
        """Start a canary at its first step; one whose server cannot start ends without guilt."""
        if self.state.canary:
            self.router.weigh(0)
            await self.withdraw()
        self.keep(move)
        self.before = ()
        self.history.status(target.commit, "pending", "canary starts")
        try:
            await self.bring_up("canary", target)
        except HeadgateError as err:
            self.keep(Move("end", target, "its server could not start"))
            self.history.status(target.commit, "failure", str(err))
            self.tell("canary", "error", f"{target.revision.model[:12]}: {err}")
            return
        await self.count_from_now()
        self.router.weigh(self.weight)
        self.tell("canary", "started", f"{target.revision.model[:12]} at {self.weight} %")

    async def judge(self, target: Target) -> None:
        """Ask the questions, and do what the answers say."""
        plan = self.plan()
        samples = carried(await self.samples(plan), self.before)
        analysis = canary.judge(
            plan,
            samples,
            environment=self.environment,
            service=self.service,
            target=target,
            weight=self.weight,
            started_at=self.state.step_started_at or self.clock(),
            now=self.clock(),
        )
        self.looked(analysis)
        match canary.next_move(analysis, plan, self.state.step):
            case "abort":
                await self.abort(target, analysis)
            case "promote":
                await self.promote(target, analysis)
            case "advance":
                self.keep(Move("advance", target, "its questions passed"), analysis)
                self.before = ()
                await self.count_from_now()
                self.router.weigh(self.weight)
                self.history.status(target.commit, "pending", f"canary at {self.weight} %")
                self.tell("canary", "advanced", f"{analysis.weight} % passed, now {self.weight} %")
            case "end":
                self.router.weigh(0)
                self.keep(Move("end", target, "held until its deadline"))
                self.history.status(
                    target.commit, "failure", "the canary was held until its deadline; nobody is to blame"
                )
                await self.withdraw()
                self.tell("canary", "ended", "held until its deadline; no ban, no revert")
            case "hold":
                self.memory.keep(self.state, tallies(samples))

    async def abort(self, target: Target, analysis: Analysis) -> None:
        """Put the traffic back at once, then say so everywhere."""
        self.router.weigh(0)
        self.memory.failed(analysis, (*self.state.analyses, analysis))
        self.keep(Move("abort", target, "a question failed"))
        self.tell("abort", "fail", next(answer.detail for answer in analysis.answers if answer.outcome == "fail"))
        for failed in self.memory.unfinished():
            self.finish(failed)
        await self.withdraw()

    def finish(self, failed: tuple[Analysis, ...]) -> None:
        """Leave the traces of an abort that other people act on; done again after a crash, it changes nothing."""
        last = failed[-1]
        target = Target(commit=last.commit, revision=last.revision)
        self.history.tag("aborted", target, last.ended_at, failed)
        self.history.status(last.commit, "failure", "aborted: a canary question failed")
        self.on_failure(last, failed)
        self.memory.finished(last)

    async def promote(self, target: Target, analysis: Analysis) -> None:
        """Give the canary all traffic; the old stable ends when its last request has."""
        passed = (*self.state.analyses, analysis)
        await self.router.promote()
        await self.succeed()
        self.history.tag("live", target, self.clock(), passed)
        self.keep(Move("promote", target, "all steps passed"))
        self.history.status(target.commit, "success", "live")
        self.tell("live", "promoted", f"{target.revision.model[:12]} after {len(passed)} steps")

    def keep(self, move: Move, analysis: Analysis | None = None) -> None:
        self.state = reconcile.after(self.state, move, self.clock(), analysis)
        self.memory.keep(self.state, ())

    async def samples(self, plan: Canary) -> Mapping[str, canary.Sample]:
        """Return each question's counts since the step began; metrics that cannot be asked hold the canary."""
        found = {}
        since = self.state.step_started_at or self.clock()
        for question in canary.asked(plan):
            threshold = question.threshold(plan.limits)
            try:
                here, there = [
                    await asyncio.to_thread(self.metrics.ask, question.name, threshold, self.service, track, since)
                    for track in TRACKS
                ]
                found[question.name] = canary.Sample(canary=here, stable=there)
            except HeadgateError as err:
                found[question.name] = canary.Sample(canary=None, error=str(err))
        return found

    def watch(self) -> None:
        """Let the metrics know which servers are which track's."""
        for track in TRACKS:
            self.metrics.watch(track, [self.servers[track].url] if track in self.servers else [])

    async def count_from_now(self) -> None:
        """Begin the counts of a step; metrics that cannot be reached begin with their first answer."""
        if self.state.step_started_at:
            with contextlib.suppress(TransientError):
                await asyncio.to_thread(self.metrics.begin, self.state.step_started_at)

    async def bring_up(self, track: Track, target: Target) -> None:
        """Start the server of a target and point a track at it."""
        version, serving = self.history.at(target.commit)
        server = await supervise.start(self.launch(version, serving))
        self.servers[track] = server
        self.router.point(track, [server.address])
        self.watch()

    def launch(self, version: Version, serving: Serving) -> supervise.Launch:
        self.started += 1
        return supervise.serve(
            f"{self.service}-{self.environment}-{version.model.sha256[:12]}-{self.started}",
            self.folder / "servers",
            model=self.store.folder(Uri(version.storage_uri)),
            sha256=version.model.sha256,
            service_file=self.service_file,
            serving=serving,
            more=("--log-dir", str(self.predictions), "--flush-seconds", "0"),
        )

    async def succeed(self) -> None:
        """Let the canary's server be the stable one."""
        old = self.servers.pop("stable", None)
        self.servers["stable"] = self.servers.pop("canary")
        self.watch()
        if old:
            await old.stop()

    async def withdraw(self) -> None:
        """End the canary's server once its last request has ended."""
        await self.router.drain("canary")
        await self.end("canary")
        self.watch()

    async def end(self, track: Track) -> None:
        with contextlib.suppress(KeyError):
            await self.servers.pop(track).stop()
