"""The forge in a folder: people's own Git beside it, kills at every step, races of real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pygit2
import pytest
from msgspec.structs import replace

from headgate.adapters.forges.gitdata import access, refs
from headgate.adapters.forges.gitdir import GitDir
from headgate.errors import MovedError, PermanentError, TransientError
from headgate.names import Commit, Name
from headgate.records.change import Edit, Proposal

FIRST = [Edit(path="promotion.yaml", text="environments: []\n")]
VERSION = "env/prod/flights/version.yaml"


@pytest.fixture
def forge(tmp_path: Path) -> GitDir:
    return GitDir.create(tmp_path / "env.git", FIRST)


def proposal(forge: GitDir, leaf: str = "aaaaaaaaaaaa-1", text: str = "model: a\n") -> Proposal:
    base = forge.head()
    assert base is not None
    return Proposal(
        purpose="promote",
        service=Name("flights"),
        environment=Name("prod"),
        base=base,
        branch=f"promote/prod/flights/{leaf}",
        title="flights → prod: PASS",
        body="words",
        edits=(Edit(path=VERSION, text=text),),
    )


def git(folder: Path, *words: str) -> str:
    """Run a person's own Git."""
    person = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@x", "GIT_COMMITTER_NAME": "Ada"}
    person |= {"GIT_COMMITTER_EMAIL": "ada@x", "GIT_CONFIG_GLOBAL": "/dev/null", "PATH": os.environ["PATH"]}
    done = subprocess.run(["git", *words], cwd=folder, env=person, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(forge: GitDir, tmp_path: Path) -> Path:
    """Return a person's clone, made when it is asked for."""
    git(tmp_path, "clone", "-q", str(forge.path), "mine")
    return tmp_path / "mine"


# Making the repository


def test_a_folder_that_is_no_repository_is_refused(tmp_path: Path) -> None:
    """A file's or an empty folder's content is left alone."""
    (tmp_path / "env.git").mkdir()

    with pytest.raises(PermanentError, match="no bare Git repository"):
        GitDir.create(tmp_path / "env.git", FIRST)
    with pytest.raises(PermanentError, match="no bare Git repository"):
        GitDir(tmp_path / "missing.git")


def test_creating_twice_keeps_the_first(tmp_path: Path) -> None:
    """Other first files do not touch a repository that is there."""
    first = GitDir.create(tmp_path / "a" / "env.git", FIRST)
    head = first.head()

    again = GitDir.create(tmp_path / "a" / "env.git", [Edit(path="other", text="x")])

    assert again.head() == head
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["env.git"]


def test_a_creation_that_was_killed_is_begun_anew(tmp_path: Path) -> None:
    """Half a repository under another name is never taken for one."""
    partial = tmp_path / ".env.git.partial"
    (partial / "objects").mkdir(parents=True)

    forge = GitDir.create(tmp_path / "env.git", FIRST)

    assert forge.head() is not None
    assert not partial.exists()


def test_a_full_clone_holds_pull_requests_statuses_and_tags(forge: GitDir, tmp_path: Path) -> None:
    """Everything is Git data: `git clone --mirror` takes it all."""
    pull = forge.merge(forge.open(proposal(forge)).number, "reviewer")
    assert pull.merge_commit is not None
    forge.set_status(pull.merge_commit, "headgate/canary", "success", "live")
    forge.tag("live/prod/flights/1", pull.merge_commit, "{}")

    git(tmp_path, "clone", "-q", "--mirror", str(forge.path), "copy.git")

    copy = GitDir(tmp_path / "copy.git")
    assert copy.pull_requests() == [pull]
    assert copy.statuses(pull.merge_commit) == {"headgate/canary": ("success", "live")}
    assert [tag.name for tag in copy.tags("live")] == ["live/prod/flights/1"]
    assert git(tmp_path / "copy.git", "fsck", "--strict") == ""


def test_each_change_of_a_pull_request_is_a_commit(forge: GitDir) -> None:
    """`git log refs/pulls/1` is its audit trail."""
    number = forge.open(proposal(forge)).number
    forge.update(number, "other", "words")
    forge.update(number, "other", "words")
    forge.comment(number, "hm")
    forge.merge(number, "reviewer")

    trail = git(forge.path, "log", "--format=%cn: %s", f"refs/pulls/{number}").splitlines()

    assert trail == ["reviewer: Merge #1", "headgate: Comment on #1", "headgate: Update #1", "headgate: Open #1"]


# People's own Git


@pytest.mark.parametrize("way", [["--no-ff"], ["--ff-only"]])
def test_a_branch_merged_by_hand_shows_as_merged(forge: GitDir, checkout: Path, way: list[str]) -> None:
    """Who did it is who committed to main; merging it here again changes nothing."""
    pull = forge.open(proposal(forge))
    git(checkout, "fetch", "-q")
    git(checkout, "merge", "-q", "--no-edit", *way, f"origin/{pull.branch}")
    git(checkout, "push", "-q", "origin", "main")
    head = forge.head()

    (found,) = forge.pull_requests()

    assert (found.state, found.merge_commit) == ("merged", head)
    assert found.merged_by == ("Ada" if way == ["--no-ff"] else "headgate")
    assert forge.merge(pull.number, "late") == found
    assert (forge.head(), forge.pull_requests()) == (head, [found])


def test_a_squashed_branch_shows_as_merged(forge: GitDir, checkout: Path) -> None:
    """It is found by its content: signing and merge queues change commit ids."""
    pull = forge.open(proposal(forge))
    git(checkout, "fetch", "-q")
    git(checkout, "merge", "-q", "--squash", f"origin/{pull.branch}")
    git(checkout, "commit", "-qm", "squashed")
    squashed = git(checkout, "rev-parse", "HEAD")
    (checkout / VERSION).write_text("model: z\n")
    git(checkout, "commit", "-qam", "and on")
    git(checkout, "push", "-q", "origin", "main")

    (found,) = forge.pull_requests()

    assert (found.state, found.merged_by, found.merge_commit) == ("merged", "Ada", squashed)


def test_a_commit_pushed_to_the_branch_is_its_new_head(forge: GitDir, checkout: Path) -> None:
    """What gets merged is what the branch holds."""
    pull = forge.open(proposal(forge))
    git(checkout, "fetch", "-q")
    git(checkout, "checkout", "-q", pull.branch)
    (checkout / VERSION).write_text("model: a\nnote: by hand\n")
    git(checkout, "commit", "-qam", "note")
    git(checkout, "push", "-q", "origin", pull.branch)

    merged = forge.merge(pull.number, "reviewer")

    assert merged.head == git(checkout, "rev-parse", "HEAD")
    assert forge.read(VERSION, merged.merge_commit or pull.head) == "model: a\nnote: by hand\n"


def test_a_deleted_branch_closes_its_pull_request(forge: GitDir, checkout: Path) -> None:
    """As on other forges."""
    pull = forge.open(proposal(forge))

    git(checkout, "push", "-q", "origin", "--delete", pull.branch)

    assert [found.state for found in forge.pull_requests()] == ["closed"]


def test_a_branch_reset_to_main_is_not_merged(forge: GitDir, checkout: Path) -> None:
    """It is reachable from main and yet changed nothing there."""
    pull = forge.open(proposal(forge))

    git(checkout, "push", "-q", "--force", "origin", f"main:{pull.branch}")

    assert [found.state for found in forge.pull_requests()] == ["open"]


def test_a_branch_that_a_person_pushed_is_not_taken(forge: GitDir, checkout: Path) -> None:
    """The name is theirs; their commit stays."""
    git(checkout, "checkout", "-qb", "promote/prod/flights/aaaaaaaaaaaa-1")
    git(checkout, "commit", "-q", "--allow-empty", "-m", "mine")
    git(checkout, "push", "-q", "origin", "HEAD")

    with pytest.raises(PermanentError, match="Ada's"):
        forge.open(proposal(forge))


def test_packed_references_are_read_and_moved(forge: GitDir) -> None:
    """A person may run `git gc` at any time."""
    pull = forge.open(proposal(forge))
    git(forge.path, "gc", "-q")

    merged = forge.merge(pull.number, "reviewer")

    assert forge.pull_requests() == [merged]
    assert git(forge.path, "rev-parse", "main") == merged.merge_commit


def test_an_orphan_branch_of_the_same_edits_is_adopted(tmp_path: Path) -> None:
    """A killed call left it an hour ago: its commit stays."""
    hours = [0]
    forge = GitDir.create(tmp_path / "env.git", FIRST, clock=lambda: still() + timedelta(hours=hours[0]))
    wanted = proposal(forge)
    killed_at(forge, lambda: forge.open(wanted), step=2)
    left = forge.head(wanted.branch)
    hours[0] = 1

    pull = forge.open(wanted)

    assert left is not None
    assert (pull.head, pull.opened_at) == (left, still() + timedelta(hours=1))


def test_an_orphan_of_an_older_base_is_replaced(forge: GitDir) -> None:
    """A killed call left a branch, main moved, the same is asked for again."""
    wanted = proposal(forge)
    killed_at(forge, lambda: forge.open(wanted), step=2)
    assert forge.head(wanted.branch) is not None
    assert forge.pull_requests() == []
    forge.commit([Edit(path="other", text="x")], "Meanwhile", forge.head())

    pull = forge.open(proposal(forge, text="model: a2\n"))

    assert forge.read(VERSION, pull.head) == "model: a2\n"
    assert pull.head == forge.head(wanted.branch)


# Kills


def killed_at(forge: GitDir, call: Callable[[], object], step: int) -> bool:
    """Run `call` in a child killed at its step-th moment before or after moving a reference; say whether it was."""
    child = os.fork()
    if child == 0:
        count = 0
        swap = refs.swap

        def dying(*words: object) -> None:
            nonlocal count
            for act in (lambda: None, lambda: swap(*words)):  # type: ignore[arg-type]
                act()
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        refs.swap = dying  # type: ignore[assignment]
        try:
            call()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


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


def still() -> datetime:
    return datetime(2013, 9, 2, 6, tzinfo=UTC)


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


def test_a_reference_moves_only_from_where_it_was_seen(forge: GitDir) -> None:
    """A push between reading and writing is not undone."""
    repo = pygit2.Repository(str(forge.path))
    seen = refs.target(repo, "refs/heads/main")
    later = forge.commit([Edit(path="x", text="1")], "X", forge.head())

    with pytest.raises(MovedError):
        refs.move(repo, "refs/heads/main", pygit2.Oid(hex=str(seen)), pygit2.Oid(hex="f" * 40))
    with pytest.raises(MovedError):
        refs.move(repo, "refs/heads/main", pygit2.Oid(hex=str(seen)), None)

    assert forge.head() == later


def test_a_push_in_the_very_moment_of_the_swap_wins(forge: GitDir) -> None:
    """libgit2 compares with the value that was read, under the reference's own lock."""
    repo = pygit2.Repository(str(forge.path))
    reference = repo.lookup_reference("refs/heads/main")
    old = reference.target
    later = forge.commit([Edit(path="x", text="1")], "X", forge.head())

    with pytest.raises(pygit2.GitError):
        reference.set_target(old)

    assert forge.head() == later


# Races

RACER = """
import sys
from pathlib import Path
from headgate.adapters.forges.gitdir import GitDir
from headgate.names import Commit, Name
from headgate.records.change import Edit, Proposal

forge, who, base = GitDir(Path(sys.argv[1])), sys.argv[2], sys.argv[3]
for n in range(16):
    service = f"{who}{n}"
    forge.open(Proposal(purpose="promote", service=Name(service), environment=Name("prod"), base=base,
        branch=f"promote/prod/{service}/x-1", title=service, body="", edits=(
            Edit(path=f"env/prod/{service}/version.yaml", text=service),)))
    if n % 4 == 0:
        forge.merge(max(p.number for p in forge.pull_requests(service)), who)
"""


def test_two_processes_opening_lose_nothing(forge: GitDir) -> None:
    """32 promotions get 32 numbers, and the merged ones are all on main."""
    base = forge.head()

    racers = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", RACER, str(forge.path), who, str(base)])
        for who in ("a", "b")
    ]
    codes = [racer.wait(60) for racer in racers]

    pulls = forge.pull_requests()
    assert codes == [0, 0]
    assert [pull.number for pull in pulls] == list(range(1, 33))
    assert {pull.title for pull in pulls} == {f"{who}{n}" for who in "ab" for n in range(16)}
    merged = [pull for pull in pulls if pull.state == "merged"]
    assert len(merged) == 8
    assert len(forge.paths("env/", forge.head() or "")) == 8
    assert git(forge.path, "fsck", "--strict") == ""


def test_two_processes_creating_make_one_repository(tmp_path: Path) -> None:
    """Whoever comes second opens the first's."""
    script = """
import sys
from pathlib import Path
from headgate.adapters.forges.gitdir import GitDir
from headgate.records.change import Edit
print(GitDir.create(Path(sys.argv[1]), [Edit(path="who", text=sys.argv[2])]).head())
"""
    makers = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "env.git"), who], stdout=subprocess.PIPE)
        for who in ("a", "b")
    ]
    heads = {maker.communicate(timeout=60)[0] for maker in makers}

    assert len(heads) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["env.git"]
