"""The ring when something dies, cannot start, cannot be read, or is banned: said once, survived, told exactly once."""

import asyncio
import itertools
import json
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from headgate.adapters.forges.gitdir import GitDir
from headgate.desired import initial
from headgate.errors import TransientError
from headgate.local import patience, rollout
from headgate.local.history import CONTEXT, History
from headgate.local.ring import Ring
from headgate.local.supervise import Launch
from headgate.names import Commit, Digest, Name
from headgate.records.change import Edit
from headgate.records.live import Analysis, Answer, Target
from headgate.specs.canary import Canary
from headgate.specs.environment import Ban
from headgate.specs.writing import render_bans
from unit.propose.circumstances import SETTINGS, version_text

STAND_IN = Path(__file__).with_name("standin.py")
A, B = Digest("a" * 64), Digest("b" * 64)
Said = list[tuple[str, str, str]]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once: a test does not wait."""
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.0)


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


def test_live_is_told_of_the_moment_that_the_tag_bears(tmp_path: Path) -> None:
    """However late the telling is, story and tag agree on when a model went live."""

    async def story(world: World) -> None:
        await world.ticks()

    world = in_world(tmp_path, story)

    [tag] = world.forge.tags("live/")
    assert f'"at": "{world.moments["live"]:%Y-%m-%dT%H:%M:%S.%fZ}"' in tag.message


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
