"""`headgate ship` with two destinations, of which one is away; and with none."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headgate.cli.ship import Sending
from headgate.errors import HeadgateError, PermanentError, TransientError

HEAD, LINE = b'{"service":"rides"}\n', b'{"at":1}\n'


def start(log: Path, *options: str) -> "subprocess.Popen[bytes]":
    command = [
        sys.executable,
        "-m",
        "headgate",
        "ship",
        "--log-dir",
        str(log),
        "--name",
        "rides",
        "-e",
        "prod",
        *options,
    ]
    return subprocess.Popen(command, env={**os.environ, "PYTHONWARNINGS": "error"}, stderr=subprocess.PIPE)


def test_brokers_that_are_away_keep_nothing_from_the_store(tmp_path: Path) -> None:
    """It is said, and tried again with the next sending."""
    file = tmp_path / "log" / "2024-05-01" / "one.jsonl"
    file.parent.mkdir(parents=True)
    file.write_bytes(HEAD + LINE)
    (tmp_path / "ship.yaml").write_text("brokers: ['127.0.0.1:1']\ntopic: predictions\n")
    store = tmp_path / "store"

    process = start(
        *(tmp_path / "log", "--store", f"file://{store}", "--kafka", str(tmp_path / "ship.yaml")),
        *("--every", "0.1", "--quiet", "0.1"),
    )
    until = time.monotonic() + 30
    while not (found := list(store.rglob("one-*.jsonl"))) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)

    assert (0, [HEAD + LINE]) == (process.returncode, [path.read_bytes() for path in found])
    assert b"cannot write topic 'predictions'" in said
    assert b"Traceback" not in said


def test_a_log_that_goes_nowhere_is_a_mistake(tmp_path: Path) -> None:
    """Exit 2, with the two ways to say where."""
    _, said = (process := start(tmp_path)).communicate(timeout=30)

    assert process.returncode == 2
    assert b"neither --store nor --kafka" in said


def test_a_log_that_only_a_topic_has_is_not_deleted(tmp_path: Path) -> None:
    """Who measures reads files or the store."""
    _, said = (process := start(tmp_path, "--delete", "--kafka", str(tmp_path / "ship.yaml"))).communicate(timeout=30)

    assert process.returncode == 2, said
    assert b"--delete needs --store" in said


class Played:
    """A destination that ends each sending as it is told to."""

    def __init__(self, *ends: int | HeadgateError) -> None:
        self.ends = iter(ends)

    def ship(self) -> int:
        end = next(self.ends)
        if isinstance(end, HeadgateError):
            raise end
        return end

    def sent_of(self, path: Path) -> int:
        return path.stat().st_size

    def forget(self, path: Path) -> None:
        """Remember nothing."""


def test_a_destination_that_never_took_anything_and_never_will_ends_it() -> None:
    """A wrong setting is found by the canary that brings it; what may pass is waited for."""
    sending = Sending(Played(0, TransientError("away"), PermanentError("no such user")))

    assert [0, 0] == [sending.send(), sending.send()]
    with pytest.raises(PermanentError, match="no such user"):
        sending.send()


def test_a_destination_that_took_something_ends_nothing_any_more(capsys: pytest.CaptureFixture[str]) -> None:
    """A changed password must not take a pod away that answers: it is said each time."""
    sending = Sending(Played(7, PermanentError("no such user"), PermanentError("no such user"), 9))

    assert [7, 0, 0, 9] == [sending.send() for _ in range(4)]
    assert "no such user\n" * 2 == capsys.readouterr().err
