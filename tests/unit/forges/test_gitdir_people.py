"""What people do with their own Git is understood, and what is theirs is left alone."""

from datetime import timedelta
from pathlib import Path

import pytest

from headgate.adapters.forges.gitdir import GitDir
from headgate.errors import PermanentError
from headgate.records.change import Edit
from unit.forges.repository import FIRST, VERSION, git, killed_at, proposal, still


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
