"""How a command ends is its exit code: 0 a record, 1 permanent, 2 usage, 3 a bug, 75 transient, 130 stopped."""

import fcntl
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import headgate
from headgate.cli import COMMANDS, typed
from headgate.cli.up import example_of
from headgate.cli.wiring import open_project
from headgate.errors import PermanentError
from unit.cli.terminal import Terminal, orders


def test_a_record_ends_in_0_whatever_it_says(proposed: Terminal) -> None:
    """A verdict that is inconclusive is a record, not an error."""
    (proposed.folder / "service.yaml").write_text(
        (proposed.folder / "service.yaml").read_text().replace("policy: balanced", "policy: strict")
    )

    said = proposed("gate")

    assert (0, "") == (said.code, said.err)
    assert "INCONCLUSIVE" in said.out or "FAIL" in said.out


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("check",), "no file"),
        (("gate",), "no file"),
        (("check", "--service", "nowhere/service.yaml"), "no file"),
        (("init", "--data", "missing.csv", "--label", "y"), "no file 'missing.csv'"),
        (("render",), "is not Headgate's repository"),
    ],
)
def test_what_fails_again_ends_in_1(terminal: Terminal, words: tuple[str, ...], error: str) -> None:
    """The same command with the same inputs would fail again."""
    said = terminal(*words)

    assert 1 == said.code
    assert error in said.err
    assert said.err.startswith("error: ")


@pytest.mark.parametrize(
    ("words", "error", "step"),
    [
        (("chek",), "there is no command 'chek'. Did you mean 'check'?", "headgate --help"),
        (("collect", "--nope"), "no such option: --nope", "headgate collect --help"),
        (("pr",), "missing command", "headgate pr --help"),
        (("pr", "shwo", "1"), "no such command 'shwo'", "headgate pr --help"),
        (("pr", "show", "one"), "invalid value for 'NUMBER'", "headgate pr show --help"),
        (("unban", "flights", "prod"), "missing option '--model'", "headgate unban --help"),
        (("up", "--port", "99999"), "invalid value for '--port'", "headgate up --help"),
        (("init",), "there is no 'service.yaml' here", "headgate init --data FILE --label COLUMN"),
        (("init", "--data", "rows.csv"), "--data needs --label", "--label COLUMN"),
        (("init", "--label", "y"), "--label and --time go with --data", "--data FILE"),
    ],
)
def test_a_wrong_command_line_ends_in_2(terminal: Terminal, words: tuple[str, ...], error: str, step: str) -> None:
    """It is said like every other error, with the next move."""
    said = terminal(*words)

    assert 2 == said.code
    assert f"error: {error}" in said.err
    assert step in said.err
    assert "Usage:" not in said.err


def test_no_command_shows_the_commands(terminal: Terminal) -> None:
    """All of them, by name."""
    said = terminal()

    assert 2 == said.code
    assert all(name in said.out + said.err for name in COMMANDS)


def test_a_moment_that_is_none_ends_in_2(proposed: Terminal) -> None:
    """Times are ISO 8601."""
    said = proposed("collect", "--as-of", "yesterday")

    assert 2 == said.code
    assert "'yesterday' is not a moment" in said.err


def test_a_moment_without_event_time_ends_in_2(proposed: Terminal) -> None:
    """Rows that are drawn by hash know no moments: asking for one is not silently ignored."""
    said = proposed("collect", "--as-of", "2013-05-01")

    assert 2 == said.code
    assert "names no data.time" in said.err


def test_a_bug_ends_in_3_with_its_traceback(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody expected is not dressed up."""

    def broken(**_: Any) -> None:
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(typed, "app", broken)

    said = terminal("check")

    assert 3 == said.code
    assert "ZeroDivisionError: nobody thought of this" in said.err
    assert "this is a bug in headgate" in said.err


def test_a_port_in_use_ends_in_75(live: Terminal) -> None:
    """Later it may be free."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        said = live("up", "--port", port)

    assert 75 == said.code
    assert f"port {port} of 127.0.0.1 is in use" in said.err


def test_a_second_ring_in_one_workspace_ends_in_75(live: Terminal) -> None:
    """Two would judge the same canary twice; the first one's process is named."""
    folder = live.folder / ".headgate" / "ring"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        lock.write("4711")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)

        said = live("up", "--port", "0")

    assert 75 == said.code
    assert "another `headgate up` runs" in said.err
    assert "4711" in said.err


def test_ctrl_c_ends_in_130_and_says_that_nothing_is_lost(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same command goes on."""

    def interrupted(**_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(typed, "app", interrupted)

    said = terminal("check")

    assert 130 == said.code
    assert "the same command goes on" in said.err


FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
sys.argv = ["headgate", *{words!r}]
from headgate.cli import main
main()
"""


def on_a_full_disk(folder: Path, size: int, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command that cannot write files longer than `size` bytes."""
    code = FULL.format(size=size, words=words)
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


def test_a_full_disk_is_named_and_harms_nothing(terminal: Terminal) -> None:
    """Rows that cannot be kept are said to be that; with room again the same command goes through."""
    orders(4000).write_csv(terminal.folder / "orders.csv")
    terminal("init", "--data", "orders.csv", "--label", "late")

    failed = on_a_full_disk(terminal.folder, 8192, "collect")
    again = terminal("collect")

    assert 1 == failed.returncode
    assert "disk full" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert (0, "") == (again.code, again.err)


def test_a_spec_on_a_full_disk_is_not_half_written(terminal: Terminal) -> None:
    """service.yaml and contract.yaml are whole or absent."""
    orders().write_csv(terminal.folder / "orders.csv")

    failed = on_a_full_disk(terminal.folder, 100, "init", "--data", "orders.csv", "--label", "late")

    assert 1 == failed.returncode
    assert "disk full" in failed.stderr
    assert ["orders.csv"] == [path.name for path in terminal.folder.iterdir() if path.is_file()]


def test_a_reader_that_leaves_early_is_no_bug(proposed: Terminal) -> None:
    """`headgate pr show 1 | head -1` ends quietly."""
    command = f"{sys.executable} -m headgate pr show 1 | head -1"

    ended = subprocess.run(["bash", "-c", command], cwd=proposed.folder, capture_output=True, text=True, check=False)

    assert "Traceback" not in ended.stderr
    assert "bug" not in ended.stderr


def test_help_needs_nothing_that_is_slow_to_import() -> None:
    """What makes it quick, on any machine: no frames, no numbers, no terminal library."""
    program = "import sys; from headgate.cli.typed import app; app(['--help'], standalone_mode=False)"
    program += "; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    loaded = set(done.stdout.splitlines()[-1].split())
    assert "headgate.cli" in loaded
    assert not loaded & {"polars", "numpy", "scipy", "rich", "pygit2", "mlflow", "sklearn"}


def test_which_version_it_is_can_be_asked(terminal: Terminal) -> None:
    """The first thing a bug report needs."""
    said = terminal("--version")

    assert (0, "") == (said.code, said.err)
    assert said.out.startswith("headgate 0.")


def test_an_error_in_a_notebook_says_what_to_do_next_too(terminal: Terminal) -> None:
    """Python prints an exception's notes below it."""
    with pytest.raises(PermanentError) as raised:
        headgate.load("orders@prod", service=terminal.folder / "service.yaml")

    assert ["next: " in note for note in raised.value.__notes__] == [True]


def test_a_column_that_is_missing_is_named_once(proposed: Terminal) -> None:
    """Not once for each part of the dataset."""
    orders().rename({"carrier": "shipper"}).write_csv(proposed.folder / "orders.csv")
    proposed("collect")
    proposed("validate")

    said = proposed("train")

    assert 1 == said.code
    assert 1 == said.err.count("column 'carrier' is missing")


def test_the_request_to_try_is_one_of_now(terminal: Terminal) -> None:
    """One of another day would begin windows of drift that nobody else's answers fill."""
    now = datetime(2025, 5, 4, 3, 2, 1, tzinfo=UTC)
    first = datetime(2025, 1, 1)  # noqa: DTZ001 - as a CSV has it
    timed = orders().with_row_index("at").with_columns((pl.lit(first) + pl.duration(hours=pl.col("at"))).alias("at"))
    timed.write_csv(terminal.folder / "orders.csv")
    assert 0 == terminal("init", "--data", "orders.csv", "--label", "late", "--time", "at").code

    request = example_of(open_project(terminal.folder / "service.yaml", None, lambda: now))

    assert b"2025-05-04T03:02:01" in request
