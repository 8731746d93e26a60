"""The command by which a pull request says it can be judged again does that, for whoever types it."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from headgate.cli.wiring import open_project
from headgate.records.codec import decode
from headgate.records.judgement import Verdict
from unit.cli.terminal import Said, Terminal


def quoted(terminal: Terminal) -> list[str]:
    """Return the words of the command in the body of pull request #1."""
    found = re.search(r"Judge again: `headgate (.+?)`", terminal("pr", "show", 1).out)
    assert found is not None
    return shlex.split(found[1])


def judged(said: Said) -> Verdict:
    assert said.code == 0, said.err
    return decode(said.out.encode(), Verdict)


def test_it_gives_the_same_verdict_in_the_workspace(proposed: Terminal) -> None:
    """Nothing of it comes from the latest records."""
    project = open_project(proposed.folder / "service.yaml", None)
    before = decode((project.workspace.latest / "verdict.json").read_bytes(), Verdict)
    words = quoted(proposed)
    for path in project.workspace.latest.iterdir():
        path.unlink()

    assert before == judged(proposed(*words, "--output", "json"))


def test_it_gives_the_same_verdict_in_a_clone(
    proposed: Terminal, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reviewer has the service's repository, and is told where the workspace is."""
    words = quoted(proposed)
    here = judged(proposed(*words, "--output", "json"))
    clone = cloned(proposed.folder, tmp_path_factory.mktemp("reviewer"), monkeypatch)
    monkeypatch.chdir(clone)
    monkeypatch.setenv("HEADGATE_WORKSPACE", str(proposed.folder / ".headgate"))

    assert here == judged(proposed(*words, "--output", "json"))


def test_without_the_workspaces_store_it_says_what_is_missing(
    proposed: Terminal, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clone of the env repo alone has the words, not the evidence."""
    words = quoted(proposed)
    clone = cloned(proposed.folder, tmp_path_factory.mktemp("reviewer"), monkeypatch)
    mirror = ["git", "clone", "--quiet", "--mirror", str(proposed.folder / ".headgate" / "env.git")]
    subprocess.run([*mirror, str(clone / ".headgate" / "env.git")], check=True)
    monkeypatch.chdir(clone)

    said = proposed(*words)

    assert said.code == 1
    assert "is not in the store of workspace" in said.err
    assert "next: " in said.err
    assert "HEADGATE_WORKSPACE" in said.err


def cloned(folder: Path, into: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a clone of the service's own repository, without its workspace."""
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "ann")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ann@example.org")
    for words in (["init", "-q"], ["add", "service.yaml", "contract.yaml"], ["commit", "-qm", "Serve orders"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    subprocess.run(["git", "clone", "--quiet", str(folder), str(into / "orders")], check=True)
    return into / "orders"
