"""The env repo's lint at the prompt, and what it keeps from being merged."""

import json
from pathlib import Path

import pytest

from headgate.adapters.forges.gitdir import GitDir
from headgate.desired import settings_digest
from headgate.names import Name
from headgate.ports import Forge
from headgate.records.change import Edit, Proposal
from headgate.specs.environment import Ban, Serving, Version
from headgate.specs.reading import parse
from headgate.specs.writing import render_bans
from unit.cli.terminal import Terminal
from unit.envrepo import AT, COMMIT, texts

SERVING = "env/prod/flights/serving.yaml"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def checkout(terminal: Terminal) -> Terminal:
    """A prompt in a person's checkout of an env repo."""
    for path, text in texts().items():
        (terminal.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (terminal.folder / path).write_text(text)
    return terminal


def proposed_to(forge: Forge, path: str, text: str) -> int:
    """Open a person's pull request that changes one file; return its number."""
    head = forge.head()
    assert head is not None
    proposal = Proposal(
        purpose="promote",
        service=Name("orders"),
        environment=Name("prod"),
        base=head,
        branch="promote/prod/orders/by-hand-1",
        title="By hand",
        body="",
        edits=(Edit(path=path, text=text),),
    )
    return forge.open(proposal).number


def test_a_whole_env_repo_has_no_problem(checkout: Terminal) -> None:
    """It says what was read, and exits 0."""
    said = checkout("env", "lint")

    assert (0, f"{len(texts())} files: no problem\n", "") == said


def test_each_problem_is_a_line_and_ends_in_1(checkout: Terminal) -> None:
    """File, reason, what next; CI needs no more."""
    (checkout.folder / SERVING).write_text("# faster\nreplica: 2\n")
    (checkout.folder / "env/prod/flights/notes.txt").write_text("x")

    said = checkout("env", "lint")

    assert 1 == said.code
    first, second = said.out.splitlines()
    assert first.startswith("env/prod/flights/notes.txt: is not a file Headgate knows")
    assert second.startswith(f"{SERVING}:2 has unknown key 'replica'. Did you mean 'replicas'?")
    assert all("; next: " in line for line in (first, second))


def test_programs_read_the_problems_as_json(checkout: Terminal) -> None:
    """And the exit code is the same."""
    (checkout.folder / SERVING).write_text("replicas: 0\n")

    said = checkout("env", "lint", "--output", "json")

    found = json.loads(said.out)
    assert (1, None, len(texts())) == (said.code, found["commit"], found["files"])
    assert [SERVING] == [problem["path"] for problem in found["problems"]]


def test_a_bare_repository_is_read_at_a_commit(checkout: Terminal) -> None:
    """Main unless a branch, a tag or an id says otherwise."""
    forge = GitDir.create(checkout.folder / "env.git", [Edit(path=path, text=text) for path, text in texts().items()])
    first = forge.head()
    broken = forge.commit([Edit(path=SERVING, text="replicas: 0\n")], "Break", first)

    now, then = (checkout("env", "lint", "env.git", *at, "--output", "json") for at in ([], ["--at", first]))

    assert (1, 0) == (now.code, then.code)
    assert (broken, first) == tuple(json.loads(said.out)["commit"] for said in (now, then))


def test_bytes_that_are_no_text_are_a_problem_of_their_file(checkout: Terminal) -> None:
    """In a checkout as at a commit; nothing crashes."""
    (checkout.folder / SERVING).write_bytes(b"# caf\xe9\n")

    assert f"{SERVING} is not YAML" in checkout("env", "lint").out


def test_a_link_that_leads_out_is_not_followed(checkout: Terminal) -> None:
    """What CI prints is public; what a link of a pull request points to need not be."""
    (checkout.folder / "secret").write_text("password: hunter2\n")
    (checkout.folder / SERVING).unlink()
    (checkout.folder / SERVING).symlink_to(checkout.folder / "secret")

    said = checkout("env", "lint")

    assert 1 == said.code
    assert "hunter2" not in said.out + said.err
    assert "password" not in said.out + said.err


@pytest.mark.parametrize("words", [["missing"], ["."], [".", "--at", "main"]])
def test_a_folder_that_is_no_env_repo_is_refused(terminal: Terminal, words: list[str]) -> None:
    """Nothing read is not nothing wrong."""
    said = terminal("env", "lint", *words)

    assert 2 == said.code
    assert "no env repo at" in said.err
    assert "next: " in said.err


def test_the_sample_of_this_repository_lints(terminal: Terminal) -> None:
    """What `headgate init` writes is what its own CI lets through."""
    assert 0 == terminal("env", "lint", ROOT / "env").code


def test_in_a_services_folder_it_is_the_workspaces_env_repo(proposed: Terminal) -> None:
    """Nobody has to know where that is."""
    assert "no problem" in proposed("env", "lint").out


def test_a_pull_request_that_does_not_lint_cannot_be_merged(proposed: Terminal) -> None:
    """It says why, and main stays where it is; mended by another, that one merges."""
    forge = GitDir(proposed.folder / ".headgate" / "env.git")
    number, before = proposed_to(forge, "env/prod/orders/serving.yaml", "replicas: none\n"), forge.head()

    said = proposed("pr", "merge", number)

    assert 1 == said.code
    assert f"pull request #{number} does not lint, so it cannot be merged" in said.err
    assert "env/prod/orders/serving.yaml: replicas: expected `int`" in said.err
    assert before == forge.head()
    assert 0 == proposed("pr", "merge", 1).code


def test_a_model_that_was_banned_meanwhile_cannot_be_merged(proposed: Terminal) -> None:
    """Its file fits as it is, and so does the ban; main with both does not."""
    forge = GitDir(proposed.folder / ".headgate" / "env.git")
    (pull,) = forge.pull_requests()
    version = parse(forge.read("env/prod/orders/version.yaml", pull.head) or "", Version, "version.yaml")
    ban = Ban(model=version.model.sha256, settings=settings_digest(Serving()), commit=COMMIT, reason="slow", at=AT)
    forge.commit([Edit(path="env/prod/orders/bans.yaml", text=render_bans([ban]))], "Ban", forge.head())

    said = proposed("pr", "merge", pull.number)

    assert 1 == said.code
    assert "env/prod/orders/version.yaml: names a model that is banned with these settings: slow" in said.err


def test_init_says_what_a_kept_env_repo_has_wrong(proposed: Terminal) -> None:
    """It changes nothing there."""
    forge = GitDir(proposed.folder / ".headgate" / "env.git")
    broken = forge.commit([Edit(path="env/prod/rides/app.yaml", text="chart: 1\n")], "Break", forge.head())

    said = proposed("init")

    assert 0 == said.code
    assert "env/prod/rides/app.yaml: chart: expected `str`" in said.err
    assert broken == forge.head()
