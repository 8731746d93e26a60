"""`headgate score` says what became of the rows, and takes no more memory than a part needs."""

import subprocess
import sys

import polars as pl
import pytest

from unit.cli.terminal import Terminal
from unit.score.scoring import by_package, rides
from unit.serve.running import World


@pytest.fixture
def terminal(made: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(made.folder, monkeypatch, capsys)


def test_the_command_says_what_became_of_the_rows(made: World, terminal: Terminal) -> None:
    """On stdout, for people; no bar where there is no terminal."""
    rides(30).with_columns(seats=pl.lit(9)).write_parquet(made.folder / "in.parquet")

    said = terminal("score", "in.parquet", "out.parquet", *by_package(made))

    assert f"0 of 30 rows scored by model {made.sha256[:12]}" in said.out
    assert "30 break the contract" in said.out
    assert (0, "") == (said.code, said.err)
    again = terminal("score", "in.parquet", "out.parquet", *by_package(made))
    assert "it is there already, whole; to score anew remove out.manifest.json" in again.out


@pytest.mark.parametrize(
    ("words", "expected", "code"),
    [
        (["--model", "m"], "--model and --sha256 go together", 2),
        (["--model", "m", "--sha256", "0" * 64, "--environment", "prod"], "each name a model", 2),
        (["--model", "model", "--sha256", "0" * 64], "is not what Git says", 1),
        ([], "no record", 1),
    ],
)
def test_the_command_needs_one_verified_model(terminal: Terminal, words: list[str], expected: str, code: int) -> None:
    """Named in one way of three."""
    rides(3).write_parquet(terminal.folder / "in.parquet")

    said = terminal("score", "in.parquet", "out.parquet", *words)

    assert (said.code, expected in said.err) == (code, True), said.err


MEASURING = (
    "import resource, subprocess, sys\n"
    "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)\n"
)
"""A small process in between: the one that starts another lends it its own peak."""


def peak_mb(made: World, rows: int) -> float:
    """Return the most memory that scoring so many rows took."""
    rides(rows).write_parquet(made.folder / "in.parquet", row_group_size=50_000)
    words = ["score", "in.parquet", "out.parquet", *by_package(made), "--part-rows", 20_000]
    command = [sys.executable, "-c", MEASURING, sys.executable, "-m", "headgate", *map(str, words)]
    return float(subprocess.run(command, cwd=made.folder, capture_output=True, text=True, check=True).stdout)


@pytest.mark.full
def test_memory_is_bounded_by_a_part_not_by_the_file(made: World) -> None:
    """Ten times the rows, the same memory but for what caches hold."""
    small, large = peak_mb(made, 100_000), peak_mb(made, 1_500_000)

    assert large < small + 120, (small, large)
