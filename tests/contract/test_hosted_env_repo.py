"""An env repo on a real Gitea: begun by a command, checked by its CI's command, told once what would change."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.forges import Servers, Where, on_gitea
from headgate.names import Name
from headgate.records.change import Edit, Proposal
from unit.chart.rendering import helm
from unit.cli.terminal import Terminal

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("gitea")]  # the first test may have to build Helm

SERVING = "env/prod/flights/serving.yaml"


@pytest.fixture
def begun(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[tuple[Terminal, Where]]:
    """Give a prompt, and a hosted repository that had a README before `headgate env init`."""
    folder = tmp_path / "here"
    folder.mkdir()
    terminal = Terminal(folder, monkeypatch, capsys)
    with on_gitea(servers, tmp_path / "forge", [Edit(path="README.md", text="mine\n")]) as where:
        monkeypatch.setenv("HEADGATE_FORGE", where.url)
        monkeypatch.setenv("HEADGATE_FORGE_TOKEN_FILE", str(tmp_path / "forge" / "token"))
        monkeypatch.setenv("PATH", str(Path(helm()).parent), prepend=":")
        said = terminal("env", "init", where.url, "--environments", "prod", "--service", "flights")
        assert said.code == 0, said.err
        assert "kept     README.md" in said.out
        yield terminal, where


def test_a_hosted_env_repo_is_begun_once(begun: tuple[Terminal, Where]) -> None:
    """One commit; the second time there is nothing to write."""
    terminal, where = begun
    head = where.forge.head()

    again = terminal("env", "init", where.url, "--environments", "prod", "--service", "flights")

    assert again.code == 0
    assert "written" not in again.out
    assert head == where.forge.head()
    assert where.forge.read("README.md", head or "") == "mine\n"  # type: ignore[arg-type]


def test_a_pull_request_is_told_once_what_would_change(begun: tuple[Terminal, Where], tmp_path: Path) -> None:
    """However often its CI runs; the token may come as a variable."""
    terminal, where = begun
    head = where.forge.head()
    assert head is not None
    edit = Edit(path=SERVING, text="replicas: 2\n")
    branch = "settings/prod/flights/aaaaaaaaaaaa-1"
    number = where.forge.open(
        Proposal(
            purpose="settings",
            service=Name("flights"),
            environment=Name("prod"),
            base=head,
            branch=branch,
            title="Two",
            body="",
            edits=(edit,),
        )
    ).number
    where.forge.mirror.forget()  # type: ignore[attr-defined]
    assert where.forge.head(branch)
    checkout = tmp_path / "checkout"
    clone = ["git", "clone", "-q", "--branch", branch, str(where.forge.mirror.path), str(checkout)]  # type: ignore[attr-defined]
    subprocess.run(clone, check=True)

    said = [terminal("env", "check", checkout, "--base", "origin/main", "--comment", number) for _ in range(2)]

    (pull,) = where.forge.pull_requests("flights")
    assert [one.code for one in said] == [0, 0], said[0].err
    assert [text for text in pull.comments if "What would change in the clusters" in text] == list(pull.comments)
    assert len(pull.comments) == 1
