"""The local forge at the prompt: pull requests listed, read, merged, closed."""

import msgspec
import pytest

from headgate.records.change import PullRequest
from headgate.records.codec import decode
from unit.cli.terminal import Terminal


def test_an_empty_forge_has_no_pull_request(terminal: Terminal) -> None:
    """It says so, and is fine."""
    (terminal.folder / "service.yaml").write_text(
        "service: s\ntask: binary\ndata: {reader: a.csv, label: {column: y}}\n"
    )
    (terminal.folder / "contract.yaml").write_text("columns: {}\n")
    terminal("init")

    assert "no pull request\n" == terminal("pr", "list").out


def test_the_open_one_is_listed_with_its_verdict(proposed: Terminal) -> None:
    """Number, state, when and what."""
    said = proposed("pr", "list")

    assert said.out.startswith("#1 ")
    assert "open" in said.out
    assert "PASS" in said.out


def test_a_program_reads_the_list_as_json(proposed: Terminal) -> None:
    """The records as they are."""
    said = proposed("pr", "list", "--output", "json")

    assert [1] == [pull.number for pull in msgspec.json.decode(said.out, type=list[PullRequest])]


def test_one_is_shown_with_its_body_and_what_to_do(proposed: Terminal) -> None:
    """The argument, and the two commands that answer it."""
    said = proposed("pr", "show", 1)

    assert "Can I believe it?" in said.out
    assert "headgate pr merge 1" in said.out
    assert "headgate pr close 1" in said.out


def test_merging_says_who_did(proposed: Terminal) -> None:
    """The name goes into Git."""
    said = proposed("pr", "merge", 1, "--by", "ann", "--output", "json")

    assert "ann" == decode(said.out.encode(), PullRequest).merged_by
    assert "merged by ann" in proposed("pr", "list", "--all").out
    assert "none is open" in proposed("pr", "list").out


def test_merging_twice_is_merging_once(proposed: Terminal) -> None:
    """The second says who was first."""
    proposed("pr", "merge", 1, "--by", "ann")

    said = proposed("pr", "merge", 1, "--by", "bob")

    assert 0 == said.code
    assert "merged already, by ann" in said.out


def test_closing_keeps_the_reason_as_a_comment(proposed: Terminal) -> None:
    """The next reader knows why."""
    proposed("pr", "close", 1, "--by", "ann", "--reason", "not before the fair")

    said = proposed("pr", "show", 1)

    assert "closed" in said.out
    assert "not before the fair" in said.out


def test_a_closed_one_is_not_merged(proposed: Terminal) -> None:
    """That attempt is rejected."""
    proposed("pr", "close", 1)

    said = proposed("pr", "merge", 1)

    assert 1 == said.code
    assert "is closed" in said.err


def test_a_merged_one_is_not_closed(proposed: Terminal) -> None:
    """The way back is an undo."""
    proposed("pr", "merge", 1)

    said = proposed("pr", "close", 1)

    assert 1 == said.code
    assert "headgate propose --revert" in said.err


@pytest.mark.parametrize("what", ["show", "merge", "close"])
def test_a_number_that_is_none_is_said(proposed: Terminal, what: str) -> None:
    """With the numbers there are."""
    said = proposed("pr", what, 7)

    assert 1 == said.code
    assert "no pull request #7" in said.err
    assert "#1" in said.err


def test_a_moved_env_repo_is_proposed_to_anew(proposed: Terminal) -> None:
    """Settings merged meanwhile do not spoil the open promotion: it is opened or updated against the new main."""
    (proposed.folder / "serving.yaml").write_text("replicas: 2\n")
    proposed("propose", "--settings", "serving.yaml", "--reason", "more of it")
    proposed("pr", "merge", 2)

    again = proposed("propose")
    merged = proposed("pr", "list", "--output", "json")

    assert 0 == again.code, again.err
    opened = [pull for pull in msgspec.json.decode(merged.out, type=list[PullRequest]) if "promote" in pull.branch]
    assert 1 == len(opened)
    assert 0 == proposed("pr", "merge", opened[0].number).code
