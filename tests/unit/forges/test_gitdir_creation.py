"""A forge in a folder is made once and whole, and holds everything as Git data."""

from pathlib import Path

import pytest

from headgate.adapters.forges.gitdir import GitDir
from headgate.errors import PermanentError
from headgate.records.change import Edit
from unit.forges.repository import FIRST, git, proposal


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
