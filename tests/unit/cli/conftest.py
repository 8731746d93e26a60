"""Projects to type commands in."""

import shutil
from pathlib import Path

import pytest

from headgate.cli.wiring import open_project
from headgate.local.history import History
from headgate.records.live import Target
from unit.cli.terminal import Terminal, orders


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """An empty folder."""
    return Terminal(tmp_path, monkeypatch, capsys)


@pytest.fixture(scope="session")
def proposed_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose first model waits in pull request #1; copied, never written to."""
    folder = tmp_path_factory.mktemp("proposed")
    with pytest.MonkeyPatch.context() as monkeypatch:
        orders().write_csv(folder / "orders.csv")
        typed = Terminal(folder, monkeypatch, Mute())  # type: ignore[arg-type]
        typed("init", "--data", "orders.csv", "--label", "late")
        typed.pipeline()
    return folder


@pytest.fixture
def proposed(proposed_folder: Path, terminal: Terminal) -> Terminal:
    """A terminal in a copy of that folder."""
    shutil.copytree(proposed_folder, terminal.folder, dirs_exist_ok=True)
    return terminal


@pytest.fixture
def live(proposed: Terminal) -> Terminal:
    """The same, merged, and tagged live as the ring does."""
    assert proposed("pr", "merge", 1, "--by", "ann").code == 0
    project = open_project(proposed.folder / "service.yaml", None)
    standing = project.live(None)
    history = History(project.forge, standing.environment, project.spec.service)
    target = history.wanted()
    assert isinstance(target, Target)
    history.tag("live", target, project.clock(), ())
    return proposed


class Mute:
    """Stands in for capsys where nobody reads."""

    def readouterr(self) -> "Mute":
        """Return nothing."""
        return self

    out = err = ""
