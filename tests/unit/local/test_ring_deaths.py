"""A server of the ring that dies or cannot start: said once, survived, and nobody is banned for it."""

import asyncio
import itertools
from pathlib import Path

import pytest

from headgate.local import patience, rollout
from unit.local.ringing import A, B, World, failed, in_world

pytestmark = pytest.mark.usefixtures("impatient")


def test_a_stable_server_that_dies_is_started_again(tmp_path: Path) -> None:
    """Said once, and answers come again from the next tick on."""

    async def story(world: World) -> None:
        world.kill("stable")
        await world.ticks()
        assert await world.answers() == A[:12]
        await world.ticks(2)

    world = in_world(tmp_path, story)

    assert len(world.told("stable", "died")) == 1
    assert "was ended by SIGKILL" in world.told("stable", "died")[0]


def test_a_canary_whose_server_dies_once_goes_on(tmp_path: Path) -> None:
    """At its step, with its share of the traffic."""

    async def story(world: World) -> None:
        world.promote(B)
        await world.ticks()
        world.kill("canary")
        await world.ticks()
        assert world.ring.in_canary
        assert world.ring.sending.weight == 10

    world = in_world(tmp_path, story)

    assert len(world.told("canary", "died")) == 1


def test_a_canary_whose_server_keeps_dying_ends_without_guilt(tmp_path: Path) -> None:
    """As past progressDeadline: no failed analysis, so no ban and no revert; and it bars no later promotion."""

    async def story(world: World) -> None:
        commit = world.promote(B)
        await world.ticks()
        for _ in range(rollout.CANARY_STARTS):
            world.kill("canary")
            await world.ticks()
        assert (world.ring.in_canary, await world.answers()) == (False, A[:12])
        await world.ticks(2)
        assert [("ended", commit)] == [(past.outcome, past.target.commit) for past in world.ring.state.ended]
        assert world.status(commit) == "failure"

    world = in_world(tmp_path, story)

    assert (world.failures, world.forge.tags("aborted/")) == ([], [])
    assert "its server died 4 times; no ban, no revert" in world.told("canary", "ended")[0]


@pytest.mark.parametrize(("code", "starts"), [(1, 1), (75, rollout.CANARY_STARTS)])
def test_a_canary_that_cannot_start_ends_without_guilt(tmp_path: Path, code: int, starts: int) -> None:
    """At once where a retry cannot help, else after some tries; the reason is said once."""

    async def story(world: World) -> None:
        world.broken[B] = code
        before = len(world.started)
        world.promote(B)
        await world.ticks(rollout.CANARY_STARTS + 3)
        assert starts == len(world.started) - before
        assert await world.answers() == A[:12]

    world = in_world(tmp_path, story)

    assert len(world.told("canary", "ended")) == 1
    assert not world.failures


def test_a_return_that_cannot_start_leaves_the_old_stable(tmp_path: Path) -> None:
    """B was live, A is; main names B again, whose server fails: A answers, it is said once, and B comes when it can."""

    async def story(world: World) -> None:
        world.promote(B)
        await world.ticks()
        canary = world.ring.state.canary
        assert canary is not None
        await world.ring.rollout.promote(canary, (failed(canary),))
        await world.ticks()
        world.promote(A)
        await world.ticks(2)
        assert await world.answers() == A[:12]
        world.broken[B] = 1
        commit = world.promote(B)
        await world.ticks(3)
        assert (await world.answers(), world.status(commit)) == (A[:12], "failure")
        del world.broken[B]
        await world.ticks(2)
        assert (await world.answers(), world.status(commit)) == (B[:12], "success")

    world = in_world(tmp_path, story)

    assert len(world.told("live", "error")) == 1


def test_a_ring_that_dies_of_a_bug_ends_whoever_waits_for_it(tmp_path: Path) -> None:
    """With that bug, and its servers are stopped."""
    world = World(tmp_path)
    world.promote(A)

    async def wait() -> None:
        async with world.ring.running():
            world.ring.make = None  # type: ignore[assignment,method-assign]
            await asyncio.sleep(30)

    with pytest.raises(TypeError, match="NoneType"):
        asyncio.run(wait())

    assert not world.ring.tracks.servers


def test_a_body_that_fails_ends_the_ring(tmp_path: Path) -> None:
    """With its own error."""
    world = World(tmp_path)

    async def fail() -> None:
        async with world.ring.running():
            raise ValueError("the body's own")

    with pytest.raises(ValueError, match="the body's own"):
        asyncio.run(fail())


def test_what_fails_again_and_again_is_tried_ever_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Soon at first, then at most every half minute; after a steady minute it begins anew."""
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.2)
    now = 0.0
    trying = patience.Patience(lambda: now)
    tries = []
    while now < 200:
        if trying.due:
            tries.append(round(now))
            trying.tried()
        now += 0.1
    waits = [later - sooner for sooner, later in itertools.pairwise(tries)]

    assert max(waits) <= patience.LONGEST_SECONDS + 1
    assert waits == sorted(waits)
    assert len(tries) < 15
