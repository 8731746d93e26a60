"""Webhooks may be lost, doubled or late, and the receiver killed between any two of its acts: Git ends the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from headgate.receive.perform import do
from unit.receive.world import A, B, C, World, room

Act = Callable[[World], object]


def whole(world: World) -> None:
    world.later(seconds=5)
    world.cluster.promote_all("flights", world.now)


STORIES: dict[str, tuple[Act, ...]] = {
    "failed": (lambda world: world.name(B), lambda world: world.examine("Failed"), World.sync),
    "ended": (lambda world: world.name(B), lambda world: world.examine("Error"), World.sync),
    "promoted": (lambda world: world.name(B), lambda world: world.examine("Successful"), whole),
    "withdrawn": (lambda world: world.name(B), lambda world: world.name(A)),
    "replaced": (
        lambda world: world.name(B),
        lambda world: world.examine("Successful"),
        lambda world: world.name(C),
        lambda world: world.examine("Failed"),
        World.sync,
    ),
}


PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""No shrinking: a story is five acts long at most."""


class Killed(BaseException):
    """SIGKILL between two acts."""


def git_of(world: World) -> dict[str, Any]:
    """Return what Git says, without clock times."""
    main = world.desired()
    bans = [(ban.model, ban.settings) for ban in main.bans("prod", "flights")]
    pulls = sorted((pull.branch, pull.state, pull.title) for pull in world.forge.pull_requests())
    commits = [entry.commit for entry in world.forge.log("env/prod/flights", main.commit, 50)]  # type: ignore[arg-type]
    statuses = [(world.status(commit) or ("", ""))[0] for commit in commits]
    tags = sorted(world.tags())
    return {"model": main.revision("prod", "flights"), "bans": bans, "pulls": pulls, "tags": tags, "statuses": statuses}


def played(folder: Path, story: str, looks: list[int], kills: list[int]) -> dict[str, Any]:
    """Play a story: `looks[i]` times is looked after its act i; a look is killed before its act `kills[i]`."""
    world = World(folder)
    world.go_live(A)
    for act, times in zip(STORIES[story], looks, strict=False):
        act(world)
        for _ in range(times):
            look(world, kills.pop() if kills else None)
    for _ in range(3):  # the watch looks for ever: here until nothing is left to do
        world.sync()
        look(world, None)
    return git_of(world)


def look(world: World, killed_before: int | None) -> None:
    """Look once, then let the other replica be next; a killed one is replaced by one that remembers nothing."""
    left = [killed_before]

    def act(*given: Any) -> None:
        if left[0] == 0:
            raise Killed
        left[0] = None if left[0] is None else left[0] - 1
        do(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headgate.receive.perform.do", act)
        try:
            world.watch.look()
        except Killed:
            world.watch = world.replica()
    world.watch, world.other = world.other, world.watch


@pytest.mark.parametrize("story", STORIES)
@settings(
    max_examples=5,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(looks=st.lists(st.integers(0, 2), min_size=5, max_size=5), kills=st.lists(st.integers(0, 5), max_size=4))
def test_git_ends_the_same_however_often_the_receiver_was_killed(
    tmp_path_factory: pytest.TempPathFactory, story: str, looks: list[int], kills: list[int]
) -> None:
    """Two replicas take turns, are killed before any of what they do, look twice or not at all: the same Git."""
    with room(tmp_path_factory.mktemp("quiet")) as folder:
        quiet = played(folder, story, [1] * 5, [])

    with room(tmp_path_factory.mktemp("killed")) as folder:
        assert quiet == played(folder, story, looks, list(kills))
