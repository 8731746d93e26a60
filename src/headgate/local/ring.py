"""The ring on one machine: what main names is what runs, through a canary; for one machine only."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from headgate import canary
from headgate.errors import TransientError
from headgate.local import reconcile
from headgate.local.history import History
from headgate.local.judging import Judging
from headgate.local.reconcile import Move
from headgate.local.rollout import Launching, Rollout, Tell
from headgate.local.traffic import NO_CANARY, Step
from headgate.names import Name
from headgate.records.live import Analysis, RolloutState, Target, Untold
from headgate.specs.canary import Canary

INTERVAL_SECONDS = 0.1
SETTLE_SECONDS = 0.02
SETTLED_SECONDS = 60.0
"""No tick that makes progress lasts this long: a server has 30 s to start and 10 s to end."""


class Ring:
    """Runs one service of one environment; a ring that was killed goes on where it ended."""

    def __init__(
        self,
        *,
        service: Name,
        environment: Name,
        canary_plan: Canary,
        folder: Path,
        history: History,
        launching: Launching,
        clock: Callable[[], datetime],
        tell: Tell,
        on_failure: Callable[[Analysis, tuple[Analysis, ...]], None],
    ) -> None:
        self.service = service
        self.environment = environment
        self.history = history
        self.tell = tell
        self.on_failure = on_failure
        initial = RolloutState(environment=environment, service=service)
        self.rollout = Rollout(
            initial,
            folder,
            history=history,
            launching=launching,
            canary_plan=canary_plan,
            clock=clock,
            tell=tell,
        )
        self.tracks = self.rollout.tracks
        self.judging = Judging(environment, service, self.tracks, clock, self.state.tallies)
        self.port = 0
        self.calm_at = 0.0
        self.looked: Callable[[Analysis], None] = lambda _: None
        """Told each analysis, also one that holds: a display may follow a canary's course."""

    async def start(self, port: int = 0) -> None:
        """Listen, and bring up what ran before."""
        self.port = await self.tracks.router.start(port=port)
        with self.rollout.surviving("servers"):
            await self.rollout.uphold()

    async def stop(self) -> None:
        """End the router, then the servers, in good order."""
        await self.tracks.stop()

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            await self.tick()
            await asyncio.sleep(INTERVAL_SECONDS)

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator["Ring"]:
        """Run while the body does; a ring that dies of a bug ends the body with that bug, not in silence."""
        await self.start(port)
        try:
            async with asyncio.TaskGroup() as group:
                ticking = group.create_task(self.run())
                yield self
                ticking.cancel()
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            await self.stop()

    @property
    def state(self) -> RolloutState:
        """Where the rollout stands."""
        return self.rollout.state

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def in_canary(self) -> bool:
        """Whether a canary answers."""
        return self.state.canary is not None and "canary" in self.tracks.servers

    @property
    def weight(self) -> int:
        """The canary's percentage in this step."""
        return self.rollout.weight

    @property
    def sending(self) -> Step:
        """Whose canary takes which percentage of the traffic, as the router splits it at this moment."""
        weight = self.tracks.router.weight
        return Step(self.state.canary.commit, weight) if self.state.canary and weight else NO_CANARY

    def plan(self) -> Canary:
        """Return the canary plan that holds now."""
        return self.rollout.plan

    async def tick(self) -> None:
        """Uphold what is kept, tell what is not told, then make at most one move for Git and one for the canary.

        Trouble in one of them is said once, and the others go on.
        """
        began, before = time.monotonic(), self.state
        with self.rollout.surviving("servers"):
            await self.rollout.uphold()
        for untold in self.state.untold:
            with self.rollout.surviving(untold.outcome):
                await self.finish(untold)
        with self.rollout.surviving("git"):
            await self.make(await asyncio.to_thread(self.next_move))
            await self.rollout.mark()
        if self.in_canary:
            with self.rollout.surviving("canary"):
                await self.judge()
        if self.state == before and not self.state.untold:
            self.calm_at = began

    async def settled(self, deadline_seconds: float = SETTLED_SECONDS) -> None:
        """Wait until a look that begins from now on finds nothing to do, but perhaps a canary to watch."""
        asked = time.monotonic()
        while self.calm_at < asked:
            if time.monotonic() > asked + deadline_seconds:
                raise TransientError(
                    f"the ring of {self.service} in {self.environment} did not settle within {deadline_seconds:g} s",
                    found="; ".join(self.unsettled()) or "a move that has not ended",
                    next_step="read the servers' logs beside rollout.json, then run again",
                )
            await asyncio.sleep(SETTLE_SECONDS)

    def unsettled(self) -> Iterator[str]:
        """Yield what the ring still has to do, and what it last complained of."""
        yield from (f"{each.outcome} of {each.target.commit[:12]} is not told yet" for each in self.state.untold)
        yield from self.rollout.troubles()

    def next_move(self) -> Move:
        """Return what Git asks for now."""
        wanted, live = self.history.wanted(), self.history.live()
        banned, unbroken = self.history.banned, self.history.unbroken
        return reconcile.plan(wanted, self.state, live, banned=banned, unbroken=unbroken)

    async def make(self, move: Move) -> None:
        """Make one move that Git asked for."""
        match move.kind:
            case "start_stable" | "fast_track" if move.target:
                await self.rollout.take_over(move, move.target)
            case "start_canary" | "replace_canary" if move.target:
                await self.rollout.begin(move, move.target)
                if self.in_canary:
                    await self.judging.begin(self.state.step_started_at)
                    self.tell("canary", "started", f"{move.target.revision.model[:12]} at {self.weight} %")
            case "restore_stable":
                await self.rollout.withdraw(move.reason, move)
            case "adopt":
                self.rollout.keep(move)
            case "retire":
                await self.rollout.retire(move)
            case _:
                return

    async def judge(self) -> None:
        """Ask the canary's questions, and do what the answers say."""
        target, plan, rollout = self.state.canary, self.plan(), self.rollout
        if target is None:
            return
        analysis = await self.judging.analyse(plan, target, self.weight, self.state.step_started_at)
        self.looked(analysis)
        match canary.next_move(analysis, plan, self.state.step):
            case "abort":
                await self.abort(target, analysis)
            case "promote":
                await rollout.promote(target, (*self.state.analyses, analysis))
            case "advance":
                rollout.keep(Move("advance", target, "its questions passed"), analysis)
                await self.judging.begin(self.state.step_started_at)
                self.tracks.weigh(self.weight)
                self.tell("canary", "advanced", f"{analysis.weight} % passed, now {self.weight} %")
                await rollout.status(target, "pending", f"canary at {self.weight} %")
            case "end":
                await rollout.end(target, "held until its deadline; no ban, no revert")
            case "hold":
                rollout.memory.keep(self.state, self.judging.counted)

    async def abort(self, target: Target, analysis: Analysis) -> None:
        """Put the traffic back at once, then say so everywhere."""
        self.tracks.weigh(0)
        analyses = (*self.state.analyses, analysis)
        untold = Untold(outcome="aborted", target=target, at=analysis.ended_at, analyses=analyses)
        self.rollout.keep(Move("abort", target, "a question failed"), tell=untold)
        self.tell("abort", "fail", next(answer.detail for answer in analysis.answers if answer.outcome == "fail"))
        with self.rollout.surviving("aborted"):
            await self.finish(untold)
        await self.tracks.end("canary")

    async def finish(self, untold: Untold) -> None:
        """Leave the traces that other people act on; done again after a crash, it changes nothing."""
        target, patience = untold.target, self.rollout.patience(f"finish {untold.outcome} {untold.target.commit}")
        if not patience.due or (untold.outcome == "live" and "stable" not in self.tracks.servers):
            return
        patience.tried()
        await asyncio.to_thread(self.history.tag, untold.outcome, target, untold.at, untold.analyses)
        if untold.outcome == "live":
            await self.rollout.status(target, "success", "live")
            how = "promoted" if untold.analyses else "started"
            self.tell("live", how, f"{target.revision.model[:12]}: {untold.reason}", untold.at)
        else:
            await self.rollout.status(target, "failure", "aborted: a canary question failed")
            await asyncio.to_thread(self.on_failure, untold.analyses[-1], untold.analyses)
        self.rollout.told(untold)
