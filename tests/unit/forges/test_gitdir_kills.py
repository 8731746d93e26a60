"""A call that was killed at any step and is made again ends as if it had not been killed."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from headgate.adapters.forges.gitdata import access
from headgate.adapters.forges.gitdir import GitDir
from headgate.errors import TransientError
from headgate.names import Commit
from headgate.records.change import Edit, Proposal
from unit.forges.repository import FIRST, git, killed_at, proposal, still

CALLS: dict[str, Callable[[GitDir], object]] = {
    "commit": lambda forge: forge.commit([Edit(path="x", text="1")], "X", forge_first(forge)),
    "open": lambda forge: forge.open(PROPOSED[forge.path]),
    "update": lambda forge: forge.update(1, "t", "b"),
    "comment": lambda forge: forge.comment(1, "c"),
    "merge": lambda forge: forge.merge(1, "reviewer"),
    "close": lambda forge: forge.close(1, "person"),
    "status": lambda forge: forge.set_status(forge_first(forge), "a", "success", ""),
    "tag": lambda forge: forge.tag("live/prod/flights/1", forge_first(forge), "{}"),
}
PROPOSED: dict[Path, Proposal] = {}


def forge_first(forge: GitDir) -> Commit:
    return Commit(git(forge.path, "rev-list", "--max-parents=0", "main"))


def references(forge: GitDir) -> str:
    """Return every reference with its object; where the clock stands still, equal states have equal ones."""
    return git(forge.path, "for-each-ref", "--format=%(refname) %(objectname)")


@pytest.mark.parametrize("name", CALLS)
def test_a_killed_call_made_again_ends_as_if_it_had_not_been_killed(name: str, tmp_path: Path) -> None:
    """SIGKILL before and after every reference it writes."""
    ends = []
    for step in range(20):
        forge = GitDir.create(tmp_path / f"{step}.git", FIRST, clock=still)
        PROPOSED[forge.path] = proposal(forge)
        if name in {"update", "comment", "merge", "close"}:
            forge.open(PROPOSED[forge.path])

        killed = killed_at(forge, lambda forge=forge: CALLS[name](forge), step) if step else False
        CALLS[name](forge)

        ends.append(references(forge))
        if step and not killed:
            break

    assert len(ends) >= (2 if name == "tag" else 3)  # a tag is written by libgit2 in one go: no step of ours
    assert set(ends) == {ends[0]}


def a_season(forge: GitDir, first: Commit, done: Callable[[], object] = lambda: None) -> None:
    """Do a little of everything, each call as a step that may be made again."""
    for number in range(1, 4):
        text = f"model: {number}\n"
        edits = (Edit(path=f"env/prod/flights/{number}.yaml", text=text),)
        wanted = replace(proposal(forge, f"m-{number}"), base=first, edits=edits)
        forge.open(wanted)
        done()
        forge.comment(number, "hm")
        done()
        merged = forge.merge(number, "reviewer").merge_commit or first
        done()
        forge.set_status(merged, "headgate/canary", "success", "live")
        done()
        forge.tag(f"live/prod/flights/{number}", merged, text)
        done()


def test_a_season_killed_in_mid_write_ends_as_if_it_had_not_been_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL a moment into each kind of call, wherever that is."""
    monkeypatch.setattr(access, "STALE_SECONDS", 0.2)
    whole = GitDir.create(tmp_path / "whole.git", FIRST, clock=still)
    a_season(whole, forge_first(whole))

    for calls in range(0, 14, 2):
        forge = GitDir.create(tmp_path / f"{calls}.git", FIRST, clock=still)
        heard, said = os.pipe()
        child = os.fork()
        if child == 0:
            a_season(forge, forge_first(forge), lambda said=said: os.write(said, b"."))
            os._exit(0)
        for _ in range(calls):
            os.read(heard, 1)
        time.sleep(calls % 4 / 2000)
        os.kill(child, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
        os.close(heard)
        os.close(said)
        a_season(forge, forge_first(forge))

        assert references(forge) == references(whole)
        assert git(forge.path, "fsck", "--strict", "--no-dangling") == ""


def test_a_lock_file_of_a_dead_writer_does_not_bar_the_next(forge: GitDir) -> None:
    """It is removed once it is older than any living writer keeps one."""
    lock = forge.path / "refs" / "heads" / "main.lock"
    lock.write_text("")
    os.utime(lock, (time.time() - 60, time.time() - 60))

    forge.commit([Edit(path="x", text="1")], "X", forge.head())

    assert not lock.exists()


def test_a_fresh_lock_file_is_waited_for(forge: GitDir, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its writer may live: it is not taken away at once."""
    monkeypatch.setattr(access, "STALE_SECONDS", 0.5)
    lock = forge.path / "refs" / "heads" / "main.lock"
    lock.write_text("")
    begun = time.monotonic()

    forge.commit([Edit(path="x", text="1")], "X", forge.head())

    assert time.monotonic() - begun >= 0.4


def test_a_held_lock_is_a_transient_error(tmp_path: Path) -> None:
    """The same command may succeed later."""
    lock = tmp_path / "lock"

    with access.held(lock), pytest.raises(TransientError, match="held by another"), access.held(lock, 0.05):
        pass
