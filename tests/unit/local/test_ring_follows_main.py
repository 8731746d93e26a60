"""The ring runs what main names, at once, unless main cannot be read or what it names was aborted or banned."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from headgate.names import Commit
from headgate.specs.environment import Ban
from headgate.specs.writing import render_bans
from unit.local.ringing import A, B, World, abort, failed, in_world
from unit.propose.circumstances import SETTINGS, version_text

pytestmark = pytest.mark.usefixtures("impatient")


def test_retiring_ends_the_canary_too(tmp_path: Path) -> None:
    """Main names nothing: nothing runs."""

    async def story(world: World) -> None:
        world.promote(B)
        await world.ticks()
        world.push(version=None)
        await world.ticks(2)
        assert (world.ring.state.stable, world.ring.state.canary, world.ring.tracks.servers) == (None, None, {})
        assert await world.answers() == 503

    in_world(tmp_path, story)


def test_main_that_cannot_be_read_is_said_once_and_what_ran_runs_on(tmp_path: Path) -> None:
    """Also a server that dies meanwhile is started again; when main can be read it counts again."""

    async def story(world: World) -> None:
        world.push(serving="canary: {steps: [ten]}\n")
        await world.ticks(3)
        world.kill("stable")
        await world.ticks()
        assert await world.answers() == A[:12]
        world.push(serving="replicas: 1\n", version=version_text(B))
        await world.ticks()
        assert world.ring.in_canary

    world = in_world(tmp_path, story)

    assert len(world.told("git", "error")) == 1
    assert "serving.yaml" in world.told("git", "error")[0]


def test_the_plan_on_main_holds_at_once(tmp_path: Path) -> None:
    """Also for a canary under way."""

    async def story(world: World) -> None:
        world.promote(B)
        await world.ticks()
        world.push(serving="canary: {steps: [30]}\n")
        await world.ticks(2)
        assert (30, 30) == (world.ring.weight, world.ring.sending.weight)

    in_world(tmp_path, story)


def test_a_commit_beside_a_running_canary_bars_merges_too(tmp_path: Path) -> None:
    """The status of the service's last commit does; when the canary is live it is a success on both."""

    async def story(world: World) -> None:
        begun = world.promote(B)
        await world.ticks()
        beside = world.push(bans=render_bans(()) + "# looked at\n")
        await world.ticks()
        assert ("pending", "pending") == (world.status(begun), world.status(beside))
        canary = world.ring.state.canary
        assert canary is not None
        await world.ring.rollout.promote(canary, (failed(canary),))
        await world.ticks()
        assert ("success", "success") == (world.status(begun), world.status(beside))

    in_world(tmp_path, story)


def test_an_aborted_canary_does_not_come_back_with_another_commit(tmp_path: Path) -> None:
    """Main still names it: a commit to bans.yaml or to the canary's plan is no reason to try it again."""

    async def story(world: World) -> None:
        world.promote(B)
        await world.ticks()
        await abort(world)
        world.push(serving="canary: {steps: [5]}\n")
        await world.ticks(2)
        assert not world.ring.in_canary
        world.push(bans=render_bans(()) + "# looked at\n")
        await world.ticks(2)
        assert not world.ring.in_canary
        world.promote(A)
        await world.ticks(2)
        world.promote(B)
        await world.ticks()
        assert world.ring.in_canary

    world = in_world(tmp_path, story)

    assert len(world.failures) == 1
    assert ["aborted/prod/flights/1"] == [tag.name for tag in world.forge.tags("aborted/")]


def test_a_banned_pair_does_not_start(tmp_path: Path) -> None:
    """Not as canary, not at once, not in a ring that lost its state; lifted, it does."""

    async def story(world: World) -> None:
        ban = Ban(model=B, settings=SETTINGS, commit=Commit("1" * 40), reason="slow", at=datetime.now(UTC))
        world.push(version=version_text(B), bans=render_bans((ban,)))
        await world.ticks(2)
        assert (world.ring.in_canary, await world.answers()) == (False, A[:12])
        world.push(bans=render_bans(()))
        await world.ticks()
        assert world.ring.in_canary

    in_world(tmp_path, story)
