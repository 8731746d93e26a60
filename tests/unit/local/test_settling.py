"""Waiting for a ring ends: it settles, or says what it waited for."""

import asyncio
from pathlib import Path

import pytest

from headgate.errors import TransientError
from headgate.local import patience
from headgate.records.live import Analysis
from unit.local.ringing import B, World, abort, in_world


def test_a_ring_that_settles_is_not_waited_for_any_longer(tmp_path: Path) -> None:
    """A look finds nothing to do."""

    async def story(world: World) -> None:
        waiting = asyncio.create_task(world.ring.settled(deadline_seconds=5))
        await asyncio.sleep(0)
        await world.ticks(2)
        await waiting

    in_world(tmp_path, story)


def test_a_ring_that_never_settles_says_what_was_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The forge is down: the abort is not told, and the wait ends with that."""
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.0)

    def refuse(_: Analysis) -> None:
        raise TransientError("the forge does not answer")

    async def story(world: World) -> None:
        world.on_failure = refuse
        commit = world.promote(B)
        await world.ticks()
        await abort(world)
        waiting = asyncio.create_task(world.ring.settled(deadline_seconds=0.2))
        while not waiting.done():
            await world.ticks()

        with pytest.raises(TransientError, match=r"flights in prod did not settle within 0\.2 s") as caught:
            await waiting
        assert f"aborted of {commit[:12]} is not told yet; the forge does not answer" == caught.value.found

    in_world(tmp_path, story)


def test_a_ring_whose_move_hangs_ends_the_wait_too(tmp_path: Path) -> None:
    """Nobody ticks."""

    async def story(world: World) -> None:
        with pytest.raises(TransientError) as caught:
            await world.ring.settled(deadline_seconds=0.1)
        assert "a move that has not ended" == caught.value.found

    in_world(tmp_path, story)
