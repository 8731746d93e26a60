"""A ring has two servers at most, however slowly an old one ends: memory is bounded, and so is what a demo needs."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from headgate import canary
from headgate.local import supervise
from headgate.local.supervise import Launch
from headgate.names import Digest
from unit.local.ringing import B, World, in_world

C, D = Digest("c" * 64), Digest("d" * 64)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not done():
            await asyncio.sleep(0.01)


def test_no_canary_starts_while_an_old_server_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """B is promoted, and C, then D are merged at once: the one before each ends first."""
    processes: list[subprocess.Popen[bytes]] = []
    alive: list[int] = []
    spawn, end = supervise.spawn, supervise.end

    def counted(launch: Launch) -> "subprocess.Popen[bytes]":
        processes.append(spawn(launch))
        alive.append(sum(process.poll() is None for process in processes))
        return processes[-1]

    async def slowly(process: "subprocess.Popen[bytes]", grace_seconds: float) -> int:
        try:
            await asyncio.sleep(0.4)
        finally:
            code = await end(process, grace_seconds)
        return code

    monkeypatch.setattr(supervise, "spawn", counted)
    monkeypatch.setattr(supervise, "end", slowly)
    monkeypatch.setattr(canary, "next_move", lambda *_: "promote")

    async def story(world: World) -> None:
        running = asyncio.create_task(world.ring.run())
        for model in (B, C, D):
            world.promote(model)
            await until(lambda model=model: world.ring.state.stable.revision.model == model)  # type: ignore[misc, union-attr]
        running.cancel()

    in_world(tmp_path, story)

    assert len(alive) == 4
    assert max(alive) == 2
