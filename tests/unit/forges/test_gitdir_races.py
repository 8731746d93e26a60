"""Two who write at once: one reference moves only from where it was seen, and nothing is lost."""

import subprocess
import sys
from pathlib import Path

import pygit2
import pytest

from headgate.adapters.forges.gitdata import refs
from headgate.adapters.forges.gitdir import GitDir
from headgate.errors import MovedError
from headgate.records.change import Edit
from unit.forges.repository import git


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
