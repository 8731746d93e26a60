"""Text from outside neither steers a terminal, nor is it read as our own markup, nor leads out of a folder."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from headgate.cli.run import show
from headgate.errors import PermanentError
from headgate.graph.engines.local import StepEnd
from headgate.graph.engines.progress import Run
from headgate.names import run_name
from headgate.specs.reading import parse
from headgate.specs.service import Service
from unit.cli.terminal import Terminal, orders

SPEC = "service: {}\ntask: binary\ndata: {{reader: a.csv, label: {{column: late}}}}\n"


def test_a_column_name_in_an_error_cannot_steer_the_terminal(terminal: Terminal) -> None:
    """Somebody else's file names its columns."""
    orders().rename({"carrier": "\x1b[2Jcarrier"}).write_csv(terminal.folder / "orders.csv")

    said = terminal("init", "--data", "orders.csv", "--label", "missing")

    assert 1 == said.code
    assert "[2Jcarrier" in said.err
    assert "\x1b" not in said.err


def test_a_comment_cannot_steer_the_terminal(proposed: Terminal) -> None:
    """A reason is a person's free text."""
    proposed("pr", "close", 1, "--reason", "no\x1b]0;owned\x07")

    said = proposed("pr", "show", 1)

    assert "no ]0;owned" in said.out
    assert "\x1b" not in said.out


@pytest.mark.parametrize("line", ["wrote /data/[old]/rows", "column 'day[/x]' is missing"])
def test_brackets_in_a_steps_line_are_shown_as_they_are(tmp_path: Path, line: str) -> None:
    """Rich would take `[old]` for a colour, and fall over `[/x]`."""
    (tmp_path / "collect.log").write_text(f"{line}\n")
    plan = Run(graph=(), folder=tmp_path, cache=tmp_path, program=(), arguments={}, facts={})
    console = Console(file=io.StringIO(), soft_wrap=True)

    show(StepEnd(verb="collect", outcome="done", seconds=1.0), plan, console)

    assert isinstance(console.file, io.StringIO)
    assert line in console.file.getvalue()


@pytest.mark.parametrize("name", ["../../elsewhere", "/tmp/elsewhere", "o'brien", "", "a\n"])
def test_a_run_is_named_plainly(name: str) -> None:
    """It becomes a folder's name and a word of a query."""
    with pytest.raises(PermanentError, match="is no name for a run"):
        run_name(name)


@pytest.mark.parametrize("name", ["flights\\n", "Flights", "../flights", "a" * 41])
def test_a_service_is_named_plainly(name: str) -> None:
    """It becomes a folder, a branch, a metric's label; the end of a line is no end of a name."""
    with pytest.raises(PermanentError):
        parse(SPEC.format(f'"{name}"'), Service, "service.yaml")


def test_an_ordinary_service_is_read() -> None:
    """So that the refusals above are about the name."""
    assert "flights" == parse(SPEC.format('"flights"'), Service, "service.yaml").service
