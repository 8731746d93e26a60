"""The demo empties its own workspace, and nobody else's."""

from pathlib import Path

import pytest

from headgate.cli.demo import empty
from unit.cli.terminal import Terminal

FLIGHTS = Path(__file__).parents[3] / "examples" / "flights" / "service.yaml"


def test_the_workspace_of_an_earlier_demo_is_emptied(tmp_path: Path) -> None:
    """Each telling begins anew, also after one that was killed."""
    empty(tmp_path / "demo")
    (tmp_path / "demo" / "store").mkdir()
    (tmp_path / "demo" / "report.html").touch()

    empty(tmp_path / "demo")

    assert [".demo"] == [path.name for path in (tmp_path / "demo").iterdir()]


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    """There is nothing to lose in it."""
    empty(tmp_path)

    assert [".demo"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("option", [True, False])
def test_a_workspace_that_is_no_demos_is_refused_and_kept(
    proposed: Terminal, monkeypatch: pytest.MonkeyPatch, option: bool
) -> None:
    """It holds an env repo: the only truth of what is live, and the demo once deleted it."""
    workspace = proposed.folder / ".headgate"
    words = ("--workspace", workspace) if option else ()
    if not option:
        monkeypatch.setenv("HEADGATE_WORKSPACE", str(workspace))

    said = proposed("demo", "--service", FLIGHTS, *words)

    assert 1 == said.code
    assert "is no demo's workspace" in said.err
    assert (workspace / "env.git" / "HEAD").exists()


def test_nothing_is_deleted_for_a_demo_that_cannot_begin(tmp_path: Path, terminal: Terminal) -> None:
    """A wrong date is said first."""
    empty(tmp_path / "demo")
    (tmp_path / "demo" / "report.html").touch()

    said = terminal("demo", "--workspace", tmp_path / "demo", "--until", "2012-01-01")

    assert 1 == said.code
    assert (tmp_path / "demo" / "report.html").exists()


def test_a_service_without_what_the_demo_spoils_is_refused(proposed: Terminal, tmp_path: Path) -> None:
    """Its incidents are written for the flights; what it lacks is named, and nothing is deleted."""
    empty(tmp_path / "demo")
    (tmp_path / "demo" / "report.html").touch()

    said = proposed("demo", "--service", proposed.folder / "service.yaml", "--workspace", tmp_path / "demo")

    assert 2 == said.code
    assert "the demo plays the flights, not 'orders'" in said.err
    assert "lacks temp (a number), pressure (a number), dest (a string), an event time (data.time)" in said.err
    assert "next: `headgate run`" in said.err
    assert (tmp_path / "demo" / "report.html").exists()


def test_away_from_the_repository_the_demo_says_where_it_is(terminal: Terminal) -> None:
    """The flights come with the source."""
    said = terminal("demo")

    assert 2 == said.code
    assert "next: run it in Headgate's repository: make demo" in said.err
