"""What should run, kept on disk before it is made so; what does run is made to agree, after any crash."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from headgate.errors import HeadgateError, PermanentError
from headgate.local import reconcile, supervise
from headgate.local.history import History
from headgate.local.memory import Memory
from headgate.local.patience import Patience
from headgate.local.reconcile import Move
from headgate.local.tracks import Tracks
from headgate.names import Commit
from headgate.records.live import Analysis, RolloutState, Target, Track, Untold
from headgate.specs.canary import Canary


class Tell(Protocol):
    """Hears what happened: now, unless it says when (a trace left after a crash tells of a moment before it)."""

    def __call__(self, name: str, outcome: str, detail: str, at: datetime | None = None) -> None:
        """Hear of one thing."""


Launching = Callable[[Target], supervise.Launch]
"""How the server of a target is started; HeadgateError when it cannot be."""
CANARY_STARTS = 4
"""A canary whose server dies is started again; after this many starts it ends, and nobody is blamed."""


class Rollout:
    """The state of one service's rollout, and the servers that it asks for."""

    def __init__(
        self,
        initial: RolloutState,
        folder: Path,
        *,
        history: History,
        launching: Launching,
        canary_plan: Canary,
        clock: Callable[[], datetime],
        tell: Tell,
    ) -> None:
        self.history = history
        self.launching = launching
        self.canary_plan = canary_plan
        self.clock = clock
        self.tell = tell
        self.memory = Memory(folder, initial)
        self.state = self.memory.state()
        self.tracks = Tracks()
        self.marked: Commit | None = None
        """The last commit that bears the rollout's status."""
        self._patience: dict[str, Patience] = {}

    def patience(self, what: str) -> Patience:
        """Return how often something was tried, and what was said of it."""
        return self._patience.setdefault(what, Patience())

    @contextmanager
    def surviving(self, what: str) -> Iterator[None]:
        """Say an error once, until it is another one or over."""
        patience = self.patience(f"tick {what}")
        try:
            yield
        except HeadgateError as err:
            if patience.is_news(str(err)):
                self.tell(what, "error", "; ".join(err.lines()))
        else:
            patience.over()

    def troubles(self) -> Iterator[str]:
        """Yield the last error of everything that goes wrong now."""
        yield from (each.said for each in self._patience.values() if each.said)

    @property
    def plan(self) -> Canary:
        """The canary plan: the environment's serving.yaml wins over the service's."""
        return self.history.serving().canary or self.canary_plan

    @property
    def weight(self) -> int:
        """The canary's percentage in this step."""
        return reconcile.weight(self.state, self.plan)

    def keep(self, move: Move, analysis: Analysis | None = None, tell: Untold | None = None) -> None:
        """Keep the state that a move leads to, with what is to be told of it."""
        after = reconcile.after(self.state, move, self.clock(), analysis)
        after = replace(after, untold=(*after.untold, *([tell] if tell else [])))
        self.memory.keep(after, ())
        self.state = after

    def told(self, untold: Untold) -> None:
        """Forget what has been told."""
        after = replace(self.state, untold=tuple(each for each in self.state.untold if each != untold))
        self.memory.keep(after, after.tallies)
        self.state = after

    async def uphold(self) -> None:
        """Make servers and weight agree with the state."""
        wanted: tuple[tuple[Track, Target | None], ...] = (("stable", self.state.stable), ("canary", self.state.canary))
        for track, target in wanted:
            if dead := self.tracks.lost(track):
                self.tell(track, "died", "; ".join(dead.why_dead().lines()))
                await dead.stop()
            if target and track not in self.tracks.servers:
                await self.revive(track, target)
        self.tracks.weigh(self.weight if "canary" in self.tracks.servers else 0)

    async def revive(self, track: Track, target: Target) -> None:
        """Start a track's server when its time has come; a canary's that keeps dying ends the canary without guilt."""
        patience = self.patience(track)
        if not patience.due:
            return
        if track == "canary" and patience.tries >= CANARY_STARTS:
            await self.end(target, f"its server died {patience.tries} times; no ban, no revert")
            return
        patience.tried()
        try:
            await self.bring_up(track, target)
        except HeadgateError as err:
            if track == "canary" and isinstance(err, PermanentError):
                await self.end(target, f"its server could not start: {err}")
            elif patience.is_news(err.message):
                self.tell(track, "error", "; ".join(err.lines()))

    async def bring_up(self, track: Track, target: Target) -> None:
        """Start the server of a target and point a track at it."""
        await self.tracks.bring_up(track, await asyncio.to_thread(self.launching, target))

    async def begin(self, move: Move, target: Target) -> None:
        """Start a canary at its first step, in place of the one that runs."""
        await self.withdraw(move.reason)
        self._patience.pop("canary", None)
        self.keep(move)
        await self.status(target, "pending", "canary starts")
        await self.uphold()

    async def take_over(self, move: Move, target: Target) -> None:
        """Give a revision all traffic at once: the first deploy, or one that was live before.

        One that cannot start leaves the old stable where it is; it is tried again, ever more seldom.
        """
        patience = self.patience(f"{move.kind} {target.commit}")
        if not patience.due:
            return
        patience.tried()
        await self.withdraw(move.reason)
        try:
            await self.bring_up("canary", target)
        except HeadgateError as err:
            if patience.is_news(err.message):
                self.tell("live", "error", "; ".join(err.lines()))
                await self.status(target, "failure", f"its server could not start: {err.message}")
            return
        self.keep(move, tell=Untold(outcome="live", target=target, at=self.clock(), reason=move.reason))
        await self.tracks.succeed()

    async def withdraw(self, reason: str, move: Move | None = None) -> None:
        """Put all traffic on stable at once, then end the canary, if there is one; `move` says what is kept."""
        canary = self.state.canary
        self.tracks.weigh(0)
        if move or canary:
            self.keep(move or Move("end", canary, reason))
        await self.tracks.end("canary")
        if canary:
            await self.status(canary, "failure", f"withdrawn: {reason}")
            self.tell("canary", "withdrawn", reason)

    async def retire(self, move: Move) -> None:
        """End everything: main names nothing."""
        await self.withdraw(move.reason, move)
        await self.tracks.end("stable")
        self.tell("live", "retired", move.reason)

    async def promote(self, target: Target, passed: tuple[Analysis, ...]) -> None:
        """Give the canary all traffic; the old stable ends when its last request has."""
        move = Move("promote", target, f"all {len(passed)} steps passed")
        at = passed[-1].ended_at
        self.keep(move, tell=Untold(outcome="live", target=target, at=at, analyses=passed, reason=move.reason))
        await self.tracks.succeed()

    async def end(self, target: Target, why: str) -> None:
        """End a canary without guilt; the status comes first: a pending one would bar every promotion."""
        self.tracks.weigh(0)
        await self.status(target, "failure", f"the canary ended: {why}")
        self.keep(Move("end", target, why))
        self.tell("canary", "ended", f"{target.revision.model[:12]}: {why}")
        await self.tracks.end("canary")

    async def status(self, target: Target, state: str, detail: str) -> None:
        """Tell reviewers where a rollout is, on its commit and on the last one that names the same.

        That one bars merges while a canary runs; a commit that is gone from Git needs no word.
        """
        last = self.history.target
        self.marked = last.commit if last and last.revision == target.revision else target.commit
        for commit in dict.fromkeys((target.commit, self.marked)):
            with suppress(PermanentError):
                await asyncio.to_thread(self.history.status, commit, state, detail)

    async def mark(self) -> None:
        """Let a commit that came while the canary runs, and names the same, bar merges too."""
        last, canary = self.history.target, self.state.canary
        if last and canary and last.revision == canary.revision and self.marked != last.commit:
            await self.status(canary, "pending", f"canary at {self.weight} %")
