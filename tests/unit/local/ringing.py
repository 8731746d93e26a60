"""An env repo, a ring that runs it by stand-ins of servers, and stories that happen to both."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from headgate.adapters.forges.gitdir import GitDir
from headgate.desired import initial
from headgate.local.history import CONTEXT, History
from headgate.local.ring import Ring
from headgate.local.supervise import Launch
from headgate.names import Commit, Digest, Name
from headgate.records.change import Edit
from headgate.records.live import Analysis, Answer, Target
from headgate.specs.canary import Canary
from unit.propose.circumstances import version_text

STAND_IN = Path(__file__).with_name("standin.py")
A, B = Digest("a" * 64), Digest("b" * 64)
Said = list[tuple[str, str, str]]


class World:
    """An env repo, and a ring that runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.forge = GitDir.create(folder / "env.git", initial(["prod"], "flights"), "headgate")
        self.said: Said = []
        self.moments: dict[str, datetime | None] = {}
        self.broken: dict[str, int] = {}
        self.started: list[Digest] = []
        self.failures: list[Analysis] = []
        self.on_failure: Callable[[Analysis], None] = self.failures.append
        self.ring = self.made()

    def made(self) -> Ring:
        """Return a ring as a new process would make it."""
        return Ring(
            service=Name("flights"),
            environment=Name("prod"),
            canary_plan=Canary(),
            folder=self.folder / "ring",
            history=History(self.forge, Name("prod"), Name("flights")),
            launching=self.launch,
            clock=lambda: datetime.now(UTC),
            tell=self.hear,
            on_failure=lambda last, _: self.on_failure(last),
        )

    def hear(self, name: str, outcome: str, detail: str, at: datetime | None = None) -> None:
        self.said.append((name, outcome, detail))
        self.moments[name] = at

    def launch(self, target: Target) -> Launch:
        """Return how a stand-in is started; a model in `broken` cannot start, with its exit code."""
        model = target.revision.model
        self.started.append(model)
        ready = self.folder / "ring" / f"{len(self.started)}.ready.json"
        code = f"raise SystemExit({self.broken[model]})" if model in self.broken else None
        command = [sys.executable, "-c", code] if code else [sys.executable, str(STAND_IN), str(ready)]
        command = ["/usr/bin/env", f"MODEL={model[:12]}", *command]
        return Launch(name=model[:4], command=tuple(command), ready_file=ready, log=self.folder / "ring" / "log")

    def push(self, **files: str | None) -> Commit:
        """Commit files of the service to main, as a person would."""
        edits = [Edit(path=f"env/prod/flights/{name}.yaml", text=text) for name, text in files.items()]
        return self.forge.commit(edits, "By hand\n", self.forge.head())

    def promote(self, model: Digest) -> Commit:
        return self.push(version=version_text(model))

    async def ticks(self, count: int = 1) -> None:
        for _ in range(count):
            await self.ring.tick()

    async def answers(self) -> str | int:
        """Return which model answers, or the status when none does."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.ring.url}/x") as answer:
            return answer.headers.get("headgate-model", answer.status)

    def kill(self, track: str) -> None:
        process = self.ring.tracks.servers[track].process  # type: ignore[index]
        process.kill()
        process.wait()

    def told(self, name: str, outcome: str) -> list[str]:
        return [detail for said, how, detail in self.said if (said, how) == (name, outcome)]

    def status(self, commit: Commit) -> str:
        return self.forge.statuses(commit)[CONTEXT][0]


def in_world(folder: Path, story: Callable[[World], Coroutine[Any, Any, None]]) -> World:
    """Let a story happen in a world with model A live."""

    async def happen() -> World:
        world = World(folder)
        world.promote(A)
        await world.ring.start()
        try:
            await world.ticks(2)
            await story(world)
        finally:
            await world.ring.stop()
        return world

    return asyncio.run(happen())


def failed(target: Target) -> Analysis:
    """Return an analysis that aborts."""
    bad = Answer(
        question="errors", outcome="fail", bad=9, requests=9, share=1.0, low=0.5, high=1.0, limit=0.01, detail="9 of 9"
    )
    now = datetime.now(UTC)
    return Analysis(
        service=Name("flights"),
        environment=Name("prod"),
        commit=target.commit,
        revision=target.revision,
        weight=10,
        outcome="fail",
        answers=(bad,),
        started_at=now,
        ended_at=now,
        canary_requests=9,
        stable_requests=90,
    )


async def abort(world: World) -> Target:
    """Abort the canary, and return it."""
    target = world.ring.state.canary
    assert target is not None
    await world.ring.abort(target, failed(target))
    return target
