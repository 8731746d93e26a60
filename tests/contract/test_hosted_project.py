"""A project whose store is a bucket and whose env repo is on a real Gitea: the commands are the laptop's own."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from fakes.buckets import Stores
from fakes.forges import Servers, Where, on_gitea
from headgate.cli.wiring import open_project
from headgate.desired import initial
from headgate.local.history import History
from headgate.names import Name
from headgate.records.live import Target
from unit.cli.terminal import Terminal, orders

pytestmark = pytest.mark.xdist_group("gitea")

COUNTER = itertools.count()


class Hosted(NamedTuple):
    """A terminal on a machine that keeps nothing."""

    terminal: Terminal
    where: Where

    def forget(self) -> None:
        """Lose the workspace, as a pod does when it ends."""
        shutil.rmtree(self.terminal.folder / ".headgate")


@pytest.fixture
def hosted(
    servers: Servers,
    stores: Stores,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Hosted]:
    """Give a service's folder, whose pod is told where things are by its environment alone."""
    folder = tmp_path / "service"
    folder.mkdir()
    orders().write_csv(folder / "orders.csv")
    terminal = Terminal(folder, monkeypatch, capsys)
    assert terminal("init", "--data", "orders.csv", "--label", "late").code == 0
    spec = open_project(folder / "service.yaml", None).spec
    name = f"hosted-{next(COUNTER)}"
    stores.moto.bucket(name)
    with on_gitea(servers, tmp_path / "forge", list(initial([Name("prod")], spec.service))) as where:
        told = stores.moto.variables() | {
            "HEADGATE_STORE": f"s3://{name}/team",
            "HEADGATE_FORGE": where.url,
            "HEADGATE_FORGE_TOKEN_FILE": str(tmp_path / "forge" / "token"),
        }
        for variable, value in told.items():
            monkeypatch.setenv(variable, value)
        found = Hosted(terminal, where)
        found.forget()
        yield found


def test_half_a_configuration_says_what_is_missing(hosted: Hosted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 2, and the variable's name."""
    monkeypatch.delenv("HEADGATE_FORGE_TOKEN_FILE")

    said = hosted.terminal("status")

    assert (said.code, "HEADGATE_FORGE_TOKEN_FILE is not" in said.err) == (2, True)


def test_a_forge_that_is_away_is_worth_another_try(hosted: Hosted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 75, the only one that Argo retries."""
    monkeypatch.setenv("HEADGATE_FORGE", "gitea+http://127.0.0.1:1/headgate/env")

    said = hosted.terminal("status")

    assert (said.code, "cannot reach" in said.err) == (75, True)


def test_a_model_is_proposed_merged_and_explained_over_gitea_and_s3(hosted: Hosted) -> None:
    """From the first row to `why`, each command group on a machine that remembers nothing."""
    terminal = hosted.terminal

    proposed = terminal.pipeline()
    again = terminal("propose")
    hosted.forget()
    listed = terminal("pr", "list")
    shown = terminal("pr", "show", 1)
    merged = terminal("pr", "merge", 1)
    hosted.forget()
    status = terminal("status")
    project = open_project(terminal.folder / "service.yaml", None)
    history = History(project.forge, Name("prod"), project.spec.service)
    target = history.wanted()
    assert isinstance(target, Target)
    history.tag("live", target, project.clock(), ())
    hosted.forget()
    why = terminal("why")

    assert "pull request #1 open" in proposed.out
    assert again.code == 0
    assert listed.out.startswith("#1")
    assert "candidate" in shown.out
    assert "#1 merged by headgate" in merged.out
    assert target.revision.model[:12] in status.out
    assert target.revision.model[:12] in why.out
    assert project.store.has(project.model_uri(target.revision.model))
    assert "not in the store" not in status.out
    assert len(hosted.where.forge.pull_requests()) == 1
