"""What happened in the ring is told exactly once, by whoever can tell it."""

import json
from pathlib import Path

import pytest

from headgate.errors import TransientError
from headgate.records.live import Analysis
from unit.local.ringing import A, B, World, abort, in_world

pytestmark = pytest.mark.usefixtures("impatient")


def test_live_is_told_of_the_moment_that_the_tag_bears(tmp_path: Path) -> None:
    """However late the telling is, story and tag agree on when a model went live."""

    async def story(world: World) -> None:
        await world.ticks()

    world = in_world(tmp_path, story)

    [tag] = world.forge.tags("live/")
    assert f'"at": "{world.moments["live"]:%Y-%m-%dT%H:%M:%S.%fZ}"' in tag.message


def test_an_abort_that_could_not_be_told_is_told_when_it_can_be(tmp_path: Path) -> None:
    """The forge is down: said once, the canary is gone at once, and the revert opens exactly once."""

    async def story(world: World) -> None:
        down = True

        def refuse(analysis: Analysis) -> None:
            if down:
                raise TransientError("the forge does not answer")
            world.failures.append(analysis)

        world.on_failure = refuse
        commit = world.promote(B)
        await world.ticks()
        await abort(world)
        assert (world.ring.sending.weight, world.failures) == (0, [])
        await world.ticks(3)
        down = False
        await world.ticks(3)
        assert ([commit], "failure") == ([one.commit for one in world.failures], world.status(commit))

    world = in_world(tmp_path, story)

    assert world.told("aborted", "error") == ["the forge does not answer"]


def test_a_new_process_tells_what_a_killed_one_could_not(tmp_path: Path) -> None:
    """The abort is kept before it is made, and told by whoever comes next."""

    async def story(world: World) -> None:
        def die(_: Analysis) -> None:
            raise KeyboardInterrupt

        world.on_failure = die
        world.promote(B)
        await world.ticks()
        target = world.ring.state.canary
        assert target is not None
        untold = world.folder / "ring" / "rollout.json"
        with pytest.raises(KeyboardInterrupt):
            await abort(world)
        await world.ring.stop()
        assert [target.commit] == [each["target"]["commit"] for each in json.loads(untold.read_text())["untold"]]
        world.on_failure = world.failures.append
        world.ring = world.made()
        await world.ring.start()
        await world.ticks(2)
        assert (await world.answers(), [target.commit]) == (A[:12], [one.commit for one in world.failures])

    world = in_world(tmp_path, story)

    assert len(world.forge.tags("aborted/")) == 1
