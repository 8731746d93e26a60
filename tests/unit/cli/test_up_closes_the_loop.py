"""`headgate up` measures what it answers, and a drift that counts starts the pipeline: once, in its own time."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from headgate.cli.past import runs
from headgate.cli.wiring import open_project
from headgate.trigger import PastRun
from unit.cli.terminal import Terminal, orders

DEADLINE_SECONDS = 25.0
POLICY = """
drift: {window: PT1S, min_rows: 100}
retrain: {windows: 1 of 1}
"""


class Up:
    """A ring that runs, and what it has said."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self.process = process
        self.log = log

    def said(self, what: str) -> str:
        """Wait until a line says it; return that line."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            for line in self.log.read_text().splitlines():
                if what in line:
                    return line
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise TimeoutError(f"never said {what!r}:\n{self.log.read_text()}")


@contextmanager
def up(folder: Path) -> Iterator[Up]:
    """Run `headgate up` in a process of its own, then end it as Ctrl-C does."""
    log = folder / "up.log"
    command = [sys.executable, "-m", "headgate", "up", "--port", "0", "--every", "0.2"]
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, text=True)
    try:
        yield Up(process, log)
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0, log.read_text()


def ask(url: str, rows: pl.DataFrame) -> None:
    """Send rows in one request."""
    kinds = {"weight": "FP64", "distance": "FP64", "carrier": "BYTES"}
    inputs = [
        {"name": name, "shape": [rows.height], "datatype": kind, "data": rows[name].to_list()}
        for name, kind in kinds.items()
    ]
    request = urllib.request.Request(
        f"{url}/v2/models/orders/infer",
        json.dumps({"inputs": inputs}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


@pytest.fixture
def merged(terminal: Terminal) -> Terminal:
    """A first model is merged; a second is a window, and one window is enough."""
    orders().write_csv(terminal.folder / "orders.csv")
    terminal("init", "--data", "orders.csv", "--label", "late")
    with (terminal.folder / "service.yaml").open("a") as file:
        file.write(POLICY)
    terminal.pipeline()
    terminal("pr", "merge", 1)
    return terminal


def past(merged: Terminal) -> list[PastRun]:
    project = open_project(merged.folder / "service.yaml", None)
    standing = project.live(None)
    return runs(project, standing.environment, standing.tags)


def test_drift_in_what_is_served_starts_the_pipeline_once(merged: Terminal) -> None:
    """A window of other weights is measured and triggers; its run is judged, and the ring serves on."""
    shifted = orders(300, seed=9).with_columns(pl.col("weight") + 9)

    with up(merged.folder) as ring:
        url = ring.said("ring of orders").split()[5]
        ring.said("live      started")
        time.sleep(1.1)  # the second in which it went live is no whole window of its answers
        ask(url, shifted)
        measured = ring.said("drifted: weight")
        started = ring.said("trigger   start")
        judged = ring.said("gate      ")
        ask(url, shifted)

    assert "300 rows" in measured
    assert "drift in 1 of 1 windows" in started
    (run,) = past(merged)
    assert run.ended
    assert run.verdict in judged
